from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recurra.data.text._character import CharacterTokeniser
from recurra.data.text._word import WordTokeniser

AnyTokeniser = Annotated[WordTokeniser | CharacterTokeniser, Field(discriminator="kind")]

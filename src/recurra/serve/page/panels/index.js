// What each task shows. A panel is one file that gives {Source, Live, Compare, Whole, needsStep}, and one line here.
//
//   Source    where a sequence comes from; told {lane, card, spec}; null where it's typed in Live
//   Live      one session: what was pushed, what the model says, the next step; told {lane, card, spec, name}
//   Compare   two answers to the same step: what was said, and what would have been; told {said, held, card, lane}
//   Whole     what there is of a model that has no sessions, since it reads both ways; told {card, spec}
//   needsStep whether the model only shows its inside together with a step, not of the last answer

import { classify, classifySeries } from "./classify.js";
import { forecast } from "./forecast.js";
import { generate } from "./generate.js";
import { plain } from "./plain.js";
import { tag } from "./tag.js";

const PANELS = {
  classify,
  forecast,
  generate,
  tag,
};

// A model of a task without a panel of its own takes numbers and gives numbers.
export const panelOf = (card, spec) => (PANELS[card.task] === classify && !spec.whole ? classifySeries : (PANELS[card.task] ?? plain));

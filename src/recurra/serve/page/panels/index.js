// What each task shows. A panel is one file that gives {Source, Live, Compare, needsStep}, and one line here.
//
//   Source    where a sequence comes from; told {lane, card, spec}
//   Live      one session: what was pushed, what the model says, the next step; told {lane, card, spec, name}
//   Compare   two answers to the same step: what was said, and what would have been; told {said, held, card, lane}
//   needsStep whether the model only shows its inside together with a step, not of the last answer

import { forecast } from "./forecast.js";
import { plain } from "./plain.js";

const PANELS = {
  forecast,
};

// A model of a task without a panel of its own takes numbers and gives numbers.
export const panelOf = (card) => PANELS[card.task] ?? plain;

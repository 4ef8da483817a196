// A check: random rows whose guess is hidden, and the way back from it.

import { toast } from "./dom.js";
import { flush } from "./outbox.js";
import { parting } from "./server.js";
import { page } from "./state.js";
import { actions, show, views, write } from "./views.js";
import { next } from "./answer.js";
import { catchUp } from "./catchup.js";
import { showQuestion } from "./question.js";

/** Ask about random rows, the model's guess hidden: an unbiased measure of the result. */
export async function beginCheck() {
  try {
    const { queries } = await write("/api/check", {});
    if (page.current && !page.current.own) page.ahead.unshift(page.current);
    page.check = { queries, of: queries.length };
    page.current = null;
    show("answer");
    next();
  } catch (error) {
    toast(error.message);
  }
}

/** Back from a check, complete or not. */
async function endCheck() {
  const left = [...(page.current ? [page.current] : []), ...page.check.queries].map((q) => q.row);
  if (left.length) parting("/api/put-back", { rows: left });
  page.check = null;
  page.current = page.ahead.shift() ?? null;
  showQuestion();
  try {
    await flush();
    await catchUp();
  } catch (error) {
    toast(error.message);
  }
  show("result");
  if (!left.length) views.checked();
}

actions.endCheck = endCheck;

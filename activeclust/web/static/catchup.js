// After a change that is not an answer: everything that is held is looked at again.

import { toast } from "./dom.js";
import { call } from "./server.js";
import { page } from "./state.js";
import { listeners, write } from "./views.js";
import { refill } from "./answer.js";
import { showQuestion, showState } from "./question.js";

/** After a change that is not an answer: hold no suggestion under an old name. */
export async function changed(reply, text) {
  toast(text, {
    text: "Undo",
    run: async () => {
      try {
        await write("/api/undo", { target: reply.seq });
        await catchUp();
      } catch (error) {
        toast(error.message);
      }
    },
  });
  await catchUp();
}

export async function catchUp() {
  for (let i = 0; i < 40; i += 1) {
    showState(await call("/api/state"));
    if (!page.state.behind) break;
    await new Promise((done) => setTimeout(done, 250));
  }
  if (page.current) {
    const { query } = await call(`/api/rows/${page.current.row}`);
    if (page.current?.row === query.row)
      page.current = { ...page.current, ...query, answer: page.current.answer && query.answer };
  }
  page.named.clear();
  await refill();
  showQuestion();
  for (const listener of listeners) listener(true);
}

// What the modules of the map know of it.

export const map = {
  plot: null,
  shown: "", // the view that is drawn
  seq: -1, // the last event that the posterior that is drawn knows of
  ids: [], // cluster ids by code
  only: -1, // the cluster that is looked at
  tool: "move",
  items: new Map(), // row -> question, the last ones that were looked at
  cursor: -1, // the row that the keyboard is at
  withAnswered: false,
  out: new Map(), // rows of the selection that are something else -> cluster id, or LEAVE
  from: 0, // the first row of the selection that is shown
  samples: [], // their questions
  near: null, // the rows that are shown beside their points
  layout: { ready: false, done: 0, why: "" },
};

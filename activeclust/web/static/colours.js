// Colours of clusters, and colours as numbers.

export const NO_CLUSTER = 65535; // the code of a row that is of no cluster

// Made by benchmarks/palette.py: every two of the 60 differ by at least 0.035 in OKLab, and of the first 20 by 0.069, for
// normal eyes and for each kind of colour-blind ones (0.02 is just noticed).
export const COLOURS = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#d55e00",
  "#56b4e9",
  "#870f1e",
  "#2d00d2",
  "#b4d2b4",
  "#691e87",
  "#a569ff",
  "#785a69",
  "#b42d00",
  "#00e1ff",
  "#f0c369",
  "#870fff",
  "#a5b487",
  "#c31ea5",
  "#3c4b5a",
  "#f000d2",
  "#69785a",
  "#3c692d",
  "#8796ff",
  "#d296c3",
  "#7878d2",
  "#e1783c",
  "#962d87",
  "#d2b4d2",
  "#d21e3c",
  "#966987",
  "#69a55a",
  "#692da5",
  "#960069",
  "#693cc3",
  "#78e187",
  "#78c34b",
  "#78c3ff",
  "#d2d200",
  "#4b2de1",
  "#a54bf0",
  "#96a587",
  "#a5c3a5",
  "#b469a5",
  "#b487c3",
  "#693c3c",
  "#964b87",
  "#e13c5a",
  "#d26987",
  "#f087e1",
  "#e187a5",
  "#69875a",
  "#960f00",
  "#7887e1",
  "#3c783c",
  "#87b469",
  "#5a4b78",
  "#e11e00",
  "#a51e00",
  "#c34bc3",
  "#d2c32d",
];

/** "rgb(1, 2, 3)" or "#010203" as [1, 2, 3]. */
export function channels(colour) {
  const given = colour.trim();
  if (given.startsWith("#")) {
    const digits = given.length === 4 ? [...given.slice(1)].map((d) => d + d).join("") : given.slice(1);
    return [0, 2, 4].map((at) => Number.parseInt(digits.slice(at, at + 2), 16));
  }
  return given
    .match(/[\d.]+/g)
    .slice(0, 3)
    .map(Number);
}

// Colours of clusters, and colours as numbers.

export const NO_CLUSTER = 65535; // the code of a row that is of no cluster

// Made by benchmarks/palette.py: every two of the 60 differ by at least 0.031 in OKLab, and of the first 20 by 0.059, for
// normal eyes and for each kind of colour-blind ones (0.02 is just noticed).
export const COLOURS = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#d55e00",
  "#56b4e9",
  "#a52d1e",
  "#b4c3a5",
  "#a569ff",
  "#7800f0",
  "#874b69",
  "#c31e96",
  "#87b478",
  "#3cd2f0",
  "#a55a4b",
  "#f000d2",
  "#87d269",
  "#d296c3",
  "#7878d2",
  "#e1783c",
  "#8700c3",
  "#8796ff",
  "#2d6987",
  "#d22d00",
  "#963cff",
  "#5a7869",
  "#69a55a",
  "#a5784b",
  "#d22db4",
  "#963c4b",
  "#69c34b",
  "#f05a87",
  "#a5b4a5",
  "#b487c3",
  "#b400d2",
  "#9600a5",
  "#e1a5c3",
  "#c35a96",
  "#b40087",
  "#1ed287",
  "#3c96e1",
  "#5a8769",
  "#0087b4",
  "#a58787",
  "#c3c32d",
  "#a5a596",
  "#c32d2d",
  "#d29600",
  "#875aa5",
  "#f069d2",
  "#d21e87",
  "#ff69ff",
  "#69b45a",
  "#5aa5e1",
  "#3c783c",
  "#87a5ff",
  "#c30fe1",
  "#87c3d2",
  "#f01e69",
  "#d287b4",
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

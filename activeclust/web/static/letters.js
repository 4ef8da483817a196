// Which key was meant, whatever the layout.

/** By its letter if that is Latin, else by its place on the keyboard (Caps Lock, Cyrillic). */
export function letterOf(event) {
  const letter = event.key.toLowerCase();
  if (/^[a-z0-9]$/.test(letter) || event.key.length > 1) return letter;
  const place = /^(?:Key([A-Z])|(?:Digit|Numpad)([0-9]))$/.exec(event.code);
  return place ? (place[1] ?? place[2]).toLowerCase() : event.key;
}

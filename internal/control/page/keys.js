// Keyboard shortcuts of the view of requests.

// key handles a key, and reports whether it is a shortcut.
export function key(event, requests) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('dialog, #menu')) {
    return;
  }
  if (event.key === 'Escape') {
    return escape(event, requests);
  }
  const letter = /^[jkgG]$/.test(event.key); // work anywhere; the others scroll the focused element
  const name = Object.hasOwn(keys, event.key) && (letter ? !event.target.closest('input, textarea') : event.target.closest('.rows')) && event.key;
  if (name) {
    event.preventDefault();
    keys[name](requests);
  }
}

const first = requests => requests.step(-Infinity);

async function last(requests) {
  await requests.latestRows();
  requests.step(Infinity);
}

const keys = {
  j: requests => requests.step(1),
  k: requests => requests.step(-1),
  g: first,
  G: last,
  ArrowDown: requests => requests.step(1),
  ArrowUp: requests => requests.step(-1),
  PageDown: requests => requests.step(20),
  PageUp: requests => requests.step(-20),
  Home: first,
  End: last,
  Enter: requests => requests.openActive(),
};

// escape goes back one step: from the text of the filter, from the filter, or from the open
// request.
function escape(event, requests) {
  const { input, pane, journal } = requests;
  if (event.target === input && input.value) {
    input.value = '';
    requests.try();
  } else if (event.target === input) {
    journal.active?.element.focus();
  } else if (pane.seq) {
    requests.close();
  }
}

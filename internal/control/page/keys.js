// The keyboard in the view of requests.

// key takes a key, if it is one of the view's.
export function key(event, requests) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('dialog, #menu')) {
    return;
  }
  if (event.key === 'Escape') {
    return escape(event, requests);
  }
  const letter = /^[jkgG]$/.test(event.key); // anywhere; the others scroll what has the focus
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

// escape goes back by one: from the text of the filter, from the filter, from the
// request that is open.
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

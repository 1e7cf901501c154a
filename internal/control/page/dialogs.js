// Dialogs.

import { printable } from './text.js';

const byId = id => document.getElementById(id);

// ask shows a dialog and returns the value with which it closes.
function ask(dialog) {
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise(done => {
    const closed = () => {
      if (!dialog.open) { // otherwise the event is about the previous dialog
        dialog.removeEventListener('close', closed);
        done(dialog.returnValue);
      }
    };
    dialog.addEventListener('close', closed);
  });
}

// confirm asks for confirmation of an action that cannot be undone.
export async function confirm(title, what, yes) {
  byId('confirm-title').textContent = title;
  byId('confirm-what').textContent = printable(what);
  byId('confirm-yes').textContent = yes;
  return await ask(byId('confirm')) === 'yes';
}

// askToken asks for the token until it is not empty.
export async function askToken(wrong) {
  const dialog = byId('token');
  byId('token-wrong').hidden = !wrong;
  byId('token-value').value = '';
  while (await ask(dialog) !== 'yes' || byId('token-value').value === '') { /* there is nothing to show without one */ }
  return byId('token-value').value;
}

export const showKeys = () => ask(byId('keys'));

// askReset returns the parts to reset, possibly none.
export async function askReset() {
  const dialog = byId('reset');
  dialog.querySelector('form').reset();
  if (await ask(dialog) !== 'yes') {
    return [];
  }
  return [...dialog.querySelectorAll('input:checked')].map(input => input.value);
}

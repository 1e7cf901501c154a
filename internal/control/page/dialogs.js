// Questions.

import { printable } from './text.js';

const byId = id => document.getElementById(id);

// ask shows a dialog until it is closed, and returns how.
function ask(dialog) {
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise(done => dialog.addEventListener('close', () => done(dialog.returnValue), { once: true }));
}

// confirm tells whether somebody wants what cannot be undone.
export async function confirm(title, what, yes) {
  byId('confirm-title').textContent = title;
  byId('confirm-what').textContent = printable(what);
  byId('confirm-yes').textContent = yes;
  return await ask(byId('confirm')) === 'yes';
}

// askToken asks until there is one.
export async function askToken(wrong) {
  const dialog = byId('token');
  byId('token-wrong').hidden = !wrong;
  byId('token-value').value = '';
  while (await ask(dialog) !== 'yes' || byId('token-value').value === '') { /* there is nothing to show without one */ }
  return byId('token-value').value;
}

export const showKeys = () => ask(byId('keys'));

// choose returns what was checked in the dialog of resetting, or nothing.
export async function askReset() {
  const dialog = byId('reset');
  if (await ask(dialog) !== 'yes') {
    return [];
  }
  return [...dialog.querySelectorAll('input:checked')].map(input => input.value);
}

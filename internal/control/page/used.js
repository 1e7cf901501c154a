// The profile in use, which several views show.

import { get } from './api.js';

let used;

// profile returns the profile in use. The API is asked once, until the profile changes.
export function profile() {
  used ??= get('profile').catch(error => {
    used = undefined;
    throw error;
  });
  return used;
}

// forget makes profile ask the API again.
export function forget() { used = undefined; }

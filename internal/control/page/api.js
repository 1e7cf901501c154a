// The control API: one function for each way of asking it.

import { askToken } from './dialogs.js';

const tokenKey = 'ocifake.token';

// takeToken moves a token from the fragment of the URL, "#token=…", to where a
// reload of this tab finds it, and nobody who looks at the address.
export function takeToken() {
  const match = /^#token=(.*)$/.exec(location.hash);
  if (match) {
    sessionStorage.setItem(tokenKey, unescaped(match[1]));
    history.replaceState(null, '', '#/requests');
  }
}

function unescaped(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

// APIError is an answer of the API's that it cannot do something: where is known
// of field, line and column is set. Without a status there was no answer.
export class APIError extends Error {
  constructor(status, { message, field, line, column }) {
    super(message);
    Object.assign(this, { status, field, line, column });
  }
}

// request returns a response of status 2xx, and asks for the token if that is what
// is missing.
export async function request(method, path, { query, body, type, headers, signal } = {}) {
  for (;;) {
    const token = sessionStorage.getItem(tokenKey);
    const response = await ask(`v1/${path}${search(query)}`, {
      method, body, signal, cache: 'no-store', redirect: 'error',
      headers: { ...headers, ...(type && { 'Content-Type': type }), ...(token && { Authorization: `Bearer ${bytes(token)}` }) },
    });
    if (response.ok) {
      return response;
    }
    if (response.status !== 401) {
      throw await errorOf(response);
    }
    await newToken(token);
  }
}

// bytes is a text for a header field, which fetch takes byte by byte.
const bytes = text => String.fromCharCode(...new TextEncoder().encode(text));

let asking; // one question is enough, however many requests wait for its answer

async function newToken(refused) {
  if (sessionStorage.getItem(tokenKey) !== refused) {
    return; // there is a newer one than was refused
  }
  asking ??= askToken(refused !== null).finally(() => { asking = undefined; });
  sessionStorage.setItem(tokenKey, await asking);
}

async function ask(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') {
      throw error;
    }
    throw new APIError(0, { message: 'The registry does not answer.' });
  }
}

async function errorOf(response) {
  const body = await response.text().catch(() => '');
  try {
    return new APIError(response.status, JSON.parse(body).error);
  } catch {
    return new APIError(response.status, { message: `${response.status} ${body.slice(0, 200)}`.trim() });
  }
}

// search is the query of a URL; what is empty is left out.
export function search(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return given.length ? '?' + new URLSearchParams(given) : '';
}

export const get = async (path, query, signal) => (await request('GET', path, { query, signal })).json();

export const change = (method, path, options) => request(method, path, options);

// download saves an answer as a file. It is fetched rather than linked to, so that
// the token goes with it.
export async function download(path, query, name) {
  const response = await request('GET', path, { query });
  const url = URL.createObjectURL(await response.blob());
  const a = Object.assign(document.createElement('a'), { href: url, download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// Functions for requests to the control API.

import { askToken } from './dialogs.js';

const tokenKey = 'ocifake.token';

// takeToken moves a token from the fragment of the URL, "#token=…", to the session storage: a
// reload keeps it, and the address bar does not show it.
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

// APIError is an error response of the API. field, line and column are set if known. status is 0
// without a response.
export class APIError extends Error {
  constructor(status, { message, field, line, column }) {
    super(message);
    Object.assign(this, { status, field, line, column });
  }
}

// request returns a response with status 2xx. It asks the user for the token if the API requires
// one.
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

// bytes encodes a text as UTF-8 for a header field, which fetch takes as Latin-1.
const bytes = text => String.fromCharCode(...new TextEncoder().encode(text));

let asking; // the dialog, shared by all requests that need the token

async function newToken(refused) {
  if (sessionStorage.getItem(tokenKey) !== refused) {
    return; // another request has set a newer token
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
    throw new APIError(0, { message: 'No response from the registry.' });
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

// search returns the query of a URL. Empty values are omitted.
export function search(query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return given.length ? '?' + new URLSearchParams(given) : '';
}

export const get = async (path, query, signal) => (await request('GET', path, { query, signal })).json();

export const change = (method, path, options) => request(method, path, options);

// download saves a response as a file. It uses fetch rather than a link, to send the token.
export async function download(path, query, name) {
  const response = await request('GET', path, { query });
  const url = URL.createObjectURL(await response.blob());
  const a = Object.assign(document.createElement('a'), { href: url, download: name });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// Where one is: the fragment of the URL, so that it can be shared and gone back to.
//
//   #/requests?filter=op%3Dblob.get   #/requests/12   #/repositories/lib/app:v1   #/faults?rule=slow

import { search } from './api.js';

export function current() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const [view, ...rest] = path.split('/');
  return { view: view || 'requests', rest: unescaped(rest.join('/')), query: Object.fromEntries(new URLSearchParams(query)) };
}

function unescaped(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

const place = (path, query) => `#/${path}${search(query)}`;

export const toRequests = (filter, seq) => place(seq ? `requests/${seq}` : 'requests', { filter });
export const toRepositories = () => place('repositories');
export const toFaults = rule => place('faults', { rule });

// quoted is a value as filters have it.
export function quoted(value) {
  const plain = value.replace(/[\\*]/g, '\\$&');
  return /[\s,"]/.test(plain) ? JSON.stringify(plain) : plain;
}

// toContent is the place of a repository, or of what a tag or digest in it means.
export function toContent(repo, ref) {
  const path = repo.split('/').map(encodeURIComponent).join('/');
  return place(`repositories/${path}${ref ? (ref.includes(':') ? '@' : ':') + ref : ''}`);
}

// contentOf takes apart what toContent has put together.
export function contentOf(rest) {
  const [, repo, ref] = /^([^@:]*)(?:[@:](.*))?$/.exec(rest) ?? [];
  return { repo, ref };
}

export function go(hash) {
  if (location.hash !== hash) {
    location.hash = hash;
  }
}

// replace changes where one is, without a step that goes back.
export const replace = hash => history.replaceState(null, '', hash);

// The location within the page, in the fragment of the URL, for links and the history.
//
//   #/requests?filter=op%3Dblob.get   #/requests/12   #/repositories/lib/app:v1   #/faults?rule=slow   #/profile?trait=blob.mount

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
export const toProfile = trait => place('profile', { trait });
export const toLint = () => place('lint');
export const toFaults = rule => place('faults', { rule });

// quoted returns a value quoted for a filter.
export function quoted(value) {
  const plain = value.replace(/[\\*]/g, '\\$&');
  return /[\s,"]/.test(plain) ? JSON.stringify(plain) : plain;
}

// toContent returns the location of a repository, a tag or a digest.
export function toContent(repo, ref) {
  const path = repo.split('/').map(encodeURIComponent).join('/');
  return place(`repositories/${path}${ref ? (ref.includes(':') ? '@' : ':') + ref : ''}`);
}

// contentOf parses a location of toContent.
export function contentOf(rest) {
  const [, repo, ref] = /^([^@:]*)(?:[@:](.*))?$/.exec(rest) ?? [];
  return { repo, ref };
}

export function go(hash) {
  if (location.hash !== hash) {
    location.hash = hash;
  }
}

// replace changes the location without a new history entry.
export const replace = hash => history.replaceState(null, '', hash);

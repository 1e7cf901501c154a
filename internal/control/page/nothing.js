// Messages for an empty journal.

import { h } from './dom.js';
import { printable } from './text.js';

const title = text => h('p', { class: 'title' }, text);

export function nothing({ failed, element, following, filter, site }) {
  if (failed) {
    return [title(printable(failed.message)), h('p', {}, 'Retrying.')];
  }
  if (element.hasAttribute('aria-busy')) {
    return [h('p', {}, 'Loading…')];
  }
  if (!following) {
    return [title('Invalid filter.')];
  }
  if (filter) {
    return [title('No request matches.'), h('p', {}, 'New matches will appear here.')];
  }
  const host = printable(site.host);
  return [title('No requests yet.'), h('p', {}, 'Send a request to the registry, for example:'),
    h('pre', { class: 'code' }, `crane catalog ${host}\ndocker pull ${host}/app:v1`)];
}

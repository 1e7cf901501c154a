// Why there are no rows in the journal.

import { h } from './dom.js';
import { printable } from './text.js';

const title = text => h('p', { class: 'title' }, text);

export function nothing({ failed, element, following, filter, site }) {
  if (failed) {
    return [title(printable(failed.message)), h('p', {}, 'Trying again.')];
  }
  if (element.hasAttribute('aria-busy')) {
    return [h('p', {}, 'Loading…')];
  }
  if (!following) {
    return [title('That is no filter.')];
  }
  if (filter) {
    return [title('No request matches.'), h('p', {}, 'New ones that do will appear here.')];
  }
  const host = printable(site.host);
  return [title('No requests yet.'), h('p', {}, 'Point a client here and they appear as they come:'),
    h('pre', { class: 'code' }, `crane catalog ${host}\ndocker pull ${host}/app:v1`)];
}

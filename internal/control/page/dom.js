// Helpers to build elements. Text from the registry is only put into text nodes and attributes,
// never parsed as markup.

import { printable } from './text.js';

// h returns an element. Functions in properties are listeners, the others are attributes. false,
// null and undefined are ignored, in children too.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') {
      element.addEventListener(name, value);
    } else if (present(value)) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.flat(Infinity).filter(present));
  return element;
}

// fill replaces the children of an element. Missing children are ignored.
export const fill = (element, ...children) => element.replaceChildren(...children.flat(Infinity).filter(present));

// renew is fill for elements, but it keeps equal elements, which the user may be clicking on, and
// open details.
export function renew(element, ...children) {
  const next = children.flat(Infinity).filter(present), there = [...element.children];
  for (const [i, child] of next.entries()) {
    if (!there[i]) {
      element.append(child);
    } else if (!there[i].isEqualNode(child)) {
      there[i].replaceWith(child);
      if (there[i].open) {
        child.open = true;
      }
    }
  }
  there.slice(next.length).forEach(child => child.remove());
}

const present = value => value !== false && value !== null && value !== undefined;

// data is text from the registry or a client.
export const data = (value, properties = {}) =>
  h('bdi', { ...properties, class: `data ${properties.class ?? ''}`.trim() }, printable(value));

// button has a visible name and a longer tooltip.
export const button = (name, click, properties = {}) =>
  h('button', { type: 'button', click, ...properties }, name);

// link navigates within the page.
export const link = (href, ...children) => h('a', { href }, ...children);

// say announces an event visually and to screen readers.
export function say(message) {
  const status = document.getElementById('said');
  status.textContent = message;
  status.classList.add('shown');
  clearTimeout(say.timer);
  say.timer = setTimeout(() => status.classList.remove('shown'), 2500);
}

// copier is a button that copies the result of a function.
export function copier(name, text, label = `Copy ${name}`) {
  return button(name, async () => {
    await copy(text());
    say('Copied');
  }, { class: 'copy', 'aria-label': label, title: label });
}

// copy also works on pages that are neither on HTTPS nor on a loopback address, where the clipboard
// API is not available.
async function copy(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text);
  }
  const area = h('textarea', { class: 'unseen', 'aria-hidden': 'true' });
  area.value = text;
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

// digest shows a short digest with a button that copies the full one.
export const copyable = (value, shown, href) =>
  h('span', { class: 'copyable' },
    href ? link(href, data(shown, { title: value })) : data(shown, { title: value }),
    copier('Copy', () => value, `Copy ${value}`));

// facts is a list of names and values. Entries without a value are omitted.
export const facts = (...rows) =>
  h('dl', { class: 'facts' }, rows.filter(([, value]) => present(value) && value !== '')
    .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));

// notice is shown in an empty view.
export const notice = (title, ...more) =>
  h('div', { class: 'notice' }, h('p', { class: 'title' }, title), ...more);

// failure shows an error with an optional button to retry.
export const failure = (error, retry) =>
  h('div', { class: 'notice failed', role: 'alert' }, h('p', { class: 'title' }, printable(error.message)),
    retry && button('Try again', retry));

// table has headings and rows of cells. Sizes are right-aligned.
export const table = (name, headings, rows) =>
  h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': name },
    h('table', {},
      h('thead', {}, h('tr', {}, headings.map(text => h('th', { scope: 'col', class: text === 'Size' && 'number' }, text)))),
      h('tbody', {}, rows.map(cells => h('tr', {}, cells.map(cell => h('td', {}, cell)))))));

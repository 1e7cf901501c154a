// The view of the clients: what the rules of lint find in their requests.

import { get } from './api.js';
import { data, failure, fill, h, notice } from './dom.js';
import { toRequests } from './route.js';
import { count, printable } from './text.js';

// A request can change the report, which is read again after this pause at most once.
const pause = 1000;

export class Lint {
  constructor() {
    this.element = document.getElementById('lint');
    const part = name => this.element.querySelector(`.${name}`);
    Object.assign(this, { findings: part('findings'), count: part('count') });
    part('refresh').addEventListener('click', () => this.load());
  }

  enter() { return this.load(); }

  leave() { this.stop(); }

  refresh() { return this.load(); }

  // event reads the report again, some time after a request has ended.
  event(event) {
    if (event.type === 'request' || event.type === 'cleared') {
      this.timer ??= setTimeout(() => this.load(), pause);
    }
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  async load() {
    this.stop();
    try {
      this.draw(await get('lint'));
    } catch (error) {
      this.findings.replaceChildren(failure(error, () => this.load()));
    }
  }

  draw({ requests, rules, findings, unjudged }) {
    this.count.textContent = `${count(findings.length)} in ${count(requests)} requests`;
    fill(this.findings, [...findings.map(item), ...unjudged.map(skipped)]);
    if (findings.length === 0) {
      this.findings.prepend(h('li', {}, notice('No findings.', h('p', {}, `${count(rules)} rules judge the clients by their requests.`))));
    }
  }
}

const fails = new Set(['must', 'portability']);

const item = f => h('li', { class: 'fact', tabindex: -1, 'data-rule': f.rule },
  h('header', {}, h('h3', {}, data(f.rule)), h('span', { class: fails.has(f.severity) ? 'chip fault' : 'chip' }, f.severity)),
  h('p', {}, printable(f.title)),
  h('p', { class: 'none' }, 'Client ', data(f.client || 'without User-Agent')),
  h('p', {}, printable(f.message), f.count > 1 && ` (and ${count(f.count - 1)} more)`),
  h('p', {}, 'Requests ', f.requests.slice(0, 20).map((seq, i) => [i > 0 && ', ', h('a', { href: toRequests('', seq) }, `#${seq}`)]), f.requests.length > 20 && ', …'),
  f.sentence && h('blockquote', {}, printable(f.sentence), h('footer', { class: 'none' }, printable(f.source))),
  f.profiles.length > 0 && h('p', { class: 'none' }, 'Such a client fails on the profiles ', printable(f.profiles.join(', ')), '.'),
  h('p', { class: 'none' }, printable(f.why)),
  h('p', {}, printable(f.fix)));

const skipped = u => h('li', { class: 'fact' },
  h('header', {}, h('h3', {}, data(u.rule)), h('span', { class: 'chip' }, 'not judged')),
  h('p', { class: 'none' }, printable(u.reason)));

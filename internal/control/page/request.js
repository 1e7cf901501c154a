// A request with its response, timing, connection, faults and traits.

import { get } from './api.js';
import { body } from './body.js';
import { button, copier, copyable, data, facts, failure, fill, h, link } from './dom.js';
import { about, notes, statusClass, statusText } from './exchange.js';
import { curl, lacksBody } from './curl.js';
import { evidence } from './citation.js';
import { quoted, toContent, toFaults, toProfile, toRequests } from './route.js';
import { exactSize, exactSpan, printable, shortDigest, text } from './text.js';
import { profile } from './used.js';
import { yaml } from './yaml.js';

export class RequestPane {
  // The functions close the pane, and move by a number of requests.
  constructor(element, does) {
    Object.assign(this, { element, does, seq: 0 });
  }

  hide() {
    this.seq = 0;
    this.element.hidden = true;
    this.drawn = undefined;
    this.element.replaceChildren();
  }

  // show fetches and shows a request. The previous one stays until it has arrived.
  async show(seq) {
    this.seq = seq;
    this.element.hidden = false;
    this.element.setAttribute('aria-label', `Request ${seq}`);
    if (!this.element.firstChild) {
      fill(this.element, this.bar(h('h2', { tabindex: -1 }, `#${seq}`)), h('p', { class: 'notice' }, 'Loading…'));
    }
    try {
      const x = await get(`requests/${seq}`);
      const rules = await Promise.all((x.faults ?? []).map(name => this.rule(text(name))));
      const traits = x.traits ? await this.traits(x.traits.map(text)) : [];
      if (this.seq === seq) {
        this.draw(x, rules, traits);
      }
    } catch (error) {
      if (this.seq === seq) {
        this.drawn = undefined;
        fill(this.element, this.bar(h('h2', { tabindex: -1 }, `#${seq}`)),
          failure(error.status === 404 ? { message: `Request ${seq} not found. It was not recorded, or was dropped from the record.` } : error,
            error.status !== 404 && (() => this.show(seq))));
      }
    }
    if (this.focusNext && this.seq === seq) {
      this.element.querySelector('h2')?.focus();
      this.focusNext = false;
    }
  }

  // changed refreshes a request that was in flight.
  changed(x) {
    if (x.seq === this.seq && this.isOpen) {
      this.show(x.seq);
    }
  }

  // rule returns the rule of a fault, if it still exists.
  async rule(name) {
    const state = await get(`faults/${encodeURIComponent(name)}`).catch(() => null);
    return { name, rule: state?.rule };
  }

  // traits returns the traits with their facts in the profile in use, as far as it has them.
  async traits(names) {
    const used = await profile().catch(() => ({ facts: [] }));
    return names.map(name => ({ name, title: used.title, fact: used.facts.find(fact => fact.trait === name) }));
  }

  bar(title, ...more) {
    return h('header', { class: 'bar' }, title, ...more,
      h('span', { class: 'steps' },
        button('↑', () => this.does.step(-1), { 'aria-label': 'Previous request', title: 'Previous (k)' }),
        button('↓', () => this.does.step(1), { 'aria-label': 'Next request', title: 'Next (j)' }),
        button('✕', () => this.does.close(), { 'aria-label': 'Close', title: 'Close (Esc)', class: 'close' })));
  }

  // draw does nothing if nothing has changed: the user may be about to click.
  draw(x, rules, traits) {
    const drawn = JSON.stringify([x, rules, traits]);
    if (drawn === this.drawn) {
      return;
    }
    this.drawn = drawn;
    this.isOpen = Boolean(x.open);
    const focused = this.element.contains(document.activeElement);
    const scrolled = this.element.dataset.seq === String(x.seq) ? this.element.scrollTop : 0;
    this.element.dataset.seq = x.seq;
    const title = h('h2', { tabindex: -1 }, h('span', { class: 'number' }, `#${x.seq}`), ' ', x.op);
    fill(this.element,
      this.bar(title, h('span', { class: `status ${statusClass(x)}` }, statusText(x)),
        copier('Copy as curl', () => curl(x), lacksBody(x) ? 'Copy as curl. The body was not recorded: the command reads it from the file "body"' : 'Copy as curl')),
      h('p', { class: 'target' }, h('b', {}, data(x.method)), ' ', data(x.target), ' ', h('span', { class: 'proto' }, printable(x.proto))),
      this.said(x),
      ...rules.map(fired),
      ...traits.map(decided),
      section('Timing', timing(x)),
      section('About', this.about(x)),
      section('Connection', this.connection(x)),
      section('Request', fields(x.header), body(x.requestBody, x.requestBytes, x.requestBodyCut)),
      section('Response', fields(x.responseHeader), x.open ? h('p', { class: 'none' }, 'The response is not complete yet.') : body(x.responseBody, x.responseBytes, x.responseBodyCut)));
    this.element.scrollTop = scrolled;
    if (focused) {
      title.focus({ preventScroll: true });
    }
  }

  said(x) {
    const all = [x.open && 'in flight', ...notes(x)].filter(Boolean);
    return all.length > 0 && h('p', { class: 'notes' }, all.flatMap(note => [h('span', { class: 'chip' }, h('bdi', {}, note)), ' ']));
  }

  about(x) {
    const here = h('span', {}, about(x));
    return facts(
      ['what', x.repo ? link(toContent(text(x.repo), text(x.digest) || text(x.tag)), here) : here],
      ['alias', x.alias && data(x.alias)],
      ['digest', x.digest && copyable(text(x.digest), shortDigest(x.digest))],
      ['verified', x.verified && copyable(text(x.verified), shortDigest(x.verified))],
      ['upload', x.session && data(x.session)],
      ['from', x.from && data(x.from)],
      ['namespace', x.namespace && data(x.namespace)],
      ['credentials', credentials(x)],
      ['scopes', x.scopes && data(x.scopes.map(text).join(' '))],
      ['body in', x.requestBytes && exactSize(x.requestBytes)],
      ['body out', x.responseBytes && exactSize(x.responseBytes)],
      ['others', x.repo && link(toRequests(this.same(x)), 'requests for this')]);
  }

  same(x) {
    const words = [`repo=${quoted(text(x.repo))}`];
    if (x.digest) {
      words.push(`digest=${quoted(text(x.digest))}`);
    } else if (x.tag) {
      words.push(`tag=${quoted(text(x.tag))}`);
    }
    return words.join(' ');
  }

  connection(x) {
    return facts(
      ['number', x.conn && h('span', {}, link(toRequests(`conn=${x.conn}`), String(x.conn)), x.connSeq > 1 ? `, request ${x.connSeq}` : ', new')],
      ['attempt', x.attempt && String(x.attempt)],
      ['client', data(x.remote ?? '')],
      ['host', data(x.host ?? '')],
      ['protocol', data(x.proto ?? '')],
      ['TLS', x.tls ? data(x.tls.version ?? 'yes') : 'none'],
      ['server name', x.tls?.serverName && data(x.tls.serverName)],
      ['certificate', x.tls?.client && data(x.tls.client)],
      ['in flight', x.inFlight && `${x.inFlight} at that time`]);
  }
}

function credentials(x) {
  if (!x.scheme && !x.subject) {
    return 'none';
  }
  return h('span', {}, data(x.scheme ?? ''), x.subject && [' ', data(x.subject, { class: 'subject' })]);
}

// fired shows the rule that acted on the request.
const fired = ({ name, rule }) =>
  h('section', { class: 'fired' },
    h('h3', {}, h('span', { class: 'chip fault' }, `fault ${printable(name)}`), ' ', rule && link(toFaults(name), 'show')),
    rule ? h('pre', { class: 'code', tabindex: 0 }, yaml(rule)) : h('p', { class: 'none' }, 'The rule no longer exists.'));

// decided shows the trait of the profile that decided the response.
const decided = ({ name, title, fact }) =>
  h('section', { class: 'fired decided' },
    h('h3', {}, h('span', { class: 'chip trait' }, `trait ${printable(name)}`), ' ', fact && link(toProfile(name), 'show')),
    fact ? [h('p', {}, `${printable(title)}: ${printable(fact.seen)}`), h('p', { class: 'none' }, evidence(fact))]
      : h('p', { class: 'none' }, 'The profile in use does not have this trait.'));

const section = (title, ...parts) => h('section', {}, h('h3', {}, title), ...parts);

// timing shows when the request began, and the time to the header and the end of its response.
function timing(x) {
  const all = x.durationNanos ?? 0, first = Math.min(x.firstNanos ?? all, all);
  const bar = h('div', { class: 'timing', 'aria-hidden': 'true' }, h('span', { class: 'wait' }), h('span', { class: 'rest' }));
  bar.style.setProperty('--wait', all ? `${100 * first / all}%` : '0%');
  return h('div', {}, !x.open && bar, facts(
    ['began', h('time', { datetime: x.start }, x.start.replace('T', ' ').replace(/(\.\d{6})\d*Z$/, '$1Z'))],
    ['header after', x.status ? exactSpan(x.firstNanos ?? 0) : null],
    ['end after', x.open ? 'in flight' : exactSpan(all)]));
}

// fields shows a header, sorted by name.
function fields(header = {}) {
  const names = Object.keys(header).sort();
  if (names.length === 0) {
    return h('p', { class: 'none' }, 'No header fields.');
  }
  return h('dl', { class: 'header' }, names.flatMap(name => (header[name] ?? []).map(value =>
    h('div', {}, h('dt', {}, data(name)), h('dd', {}, data(value))))));
}

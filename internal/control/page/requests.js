// The view of requests: the journal, its filter, and the request that is open.

import { change, get } from './api.js';
import { confirm } from './dialogs.js';
import { h, say } from './dom.js';
import { Journal } from './journal.js';
import { RequestPane } from './request.js';
import { go, replace, toRequests } from './route.js';
import { count, printable } from './text.js';

const page = 1000; // requests asked for at a time

export class Requests {
  constructor(stream, site) {
    Object.assign(this, { stream, site, filter: undefined, latest: 0 });
    this.element = document.getElementById('requests');
    const part = name => this.element.querySelector(`.${name}`);
    Object.assign(this, {
      input: part('filter'), wrong: part('wrong'), note: part('note'), olderButton: part('older'), newerButton: part('newer'),
      followButton: part('follow'), pauseButton: part('pause'), chips: [...this.element.querySelectorAll('[data-filter]')],
    });
    this.journal = new Journal(part('rows'), part('scroller'), { open: seq => this.open(seq), changed: () => this.told() });
    this.pane = new RequestPane(part('pane'), { close: () => this.close(), step: by => this.step(by) });
    this.listen(part);
  }

  listen(part) {
    part('filters').addEventListener('submit', event => { event.preventDefault(); this.try(); });
    this.input.addEventListener('input', () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.try(), 250);
    });
    this.chips.forEach(chip => chip.addEventListener('click', () => this.toggle(chip.dataset.filter)));
    this.pauseButton.addEventListener('click', () => this.pause());
    this.followButton.addEventListener('click', () => this.toggleFollow());
    this.newerButton.addEventListener('click', () => this.latestRows());
    this.olderButton.addEventListener('click', () => this.older());
    part('clear').addEventListener('click', () => this.clearRecord());
    this.element.addEventListener('keydown', event => this.key(event));
  }

  // enter shows what the URL says.
  async enter({ rest, query }) {
    const filter = query.filter ?? '';
    if (filter !== this.filter || !this.following) {
      this.input.value = filter;
      await this.load(filter);
    }
    const seq = Number(rest);
    this.element.classList.toggle('split', seq > 0);
    if (seq > 0) {
      this.journal.select(seq);
      await this.pane.show(seq);
    } else {
      this.journal.select(0);
      this.pane.hide();
    }
  }

  // leave stops the stream: the other views follow it otherwise.
  leave() {
    this.following = false;
  }

  // load shows the newest requests that a filter means, and follows from there. A
  // filter that is wrong is said to be, and the list stays as it was.
  async load(filter) {
    const turn = this.turn = Symbol('the latest call');
    this.element.setAttribute('aria-busy', 'true');
    try {
      const { requests, dropped, last } = await get('requests', { filter, tail: page });
      if (turn !== this.turn) {
        return false;
      }
      await this.since();
      Object.assign(this, { filter, dropped, following: true, all: requests.length < page, failed: null });
      this.journal.held = 0;
      this.journal.show(requests);
      this.refuse('');
      this.stream.follow(filter, last);
      return true;
    } catch (error) {
      if (turn === this.turn) {
        this.failedWith(error, filter);
      }
      return false;
    } finally {
      this.element.removeAttribute('aria-busy');
      this.told();
    }
  }

  failedWith(error, filter) {
    if (error.status === 400) {
      this.refuse(error.message);
      if (this.filter === undefined) { // there is no good list yet
        this.filter = filter;
        this.stream.stop();
      }
      return;
    }
    this.failed = error;
    setTimeout(() => { if (this.failed === error) { this.load(filter); } }, 2000);
  }

  // since sets the moment that the column "at" counts from: the first request of all.
  async since() {
    const { requests } = await get('requests', { limit: 1 });
    this.journal.start = requests.length ? Date.parse(requests[0].start) : null;
  }

  refuse(message) {
    this.wrong.textContent = printable(message);
    this.wrong.hidden = !message;
    this.input.setAttribute('aria-invalid', Boolean(message));
  }

  // try takes the filter that somebody has written.
  async try() {
    clearTimeout(this.typing);
    const filter = this.input.value.trim();
    if (filter === this.filter && !this.failed) {
      return this.refuse('');
    }
    if (await this.load(filter)) {
      replace(toRequests(filter, this.pane.seq));
    }
  }

  // toggle puts a filter into the text, or takes it out.
  toggle(word) {
    const words = this.input.value.trim();
    const has = ` ${words} `.includes(` ${word} `);
    this.input.value = (has ? ` ${words} `.replace(` ${word} `, ' ') : `${words} ${word}`).trim();
    this.try();
  }

  // event takes what the stream tells.
  event({ type, data }) {
    switch (type) {
      case 'open':
      case 'request': {
        const x = JSON.parse(data);
        this.journal.put(x);
        this.pane.changed(x);
        return;
      }
      case 'cleared':
        this.cleared();
    }
  }

  async cleared() {
    this.journal.start = null;
    this.journal.clear();
    Object.assign(this, { dropped: 0, all: true });
    this.told();
  }

  open(seq) {
    go(toRequests(this.filter, seq));
  }

  close() {
    go(toRequests(this.filter));
    this.journal.active?.element.focus({ preventScroll: true });
  }

  // step goes to the next row or one before, and opens it if one is open.
  step(by) {
    const row = this.journal.move(by, !this.pane.element.contains(document.activeElement));
    if (row && this.pane.seq) {
      replace(toRequests(this.filter, row.seq));
      this.journal.select(row.seq);
      this.pane.show(row.seq);
    }
  }

  pause() {
    this.journal.paused = !this.journal.paused;
    say(this.journal.paused ? 'Paused' : 'Live');
    if (!this.journal.paused && this.journal.held) {
      return this.load(this.filter);
    }
    this.told();
  }

  toggleFollow() {
    if (this.journal.following) {
      return this.journal.follow(false);
    }
    return this.latestRows();
  }

  async latestRows() {
    this.journal.paused = false;
    this.journal.following = true;
    if (this.journal.held) {
      return this.load(this.filter);
    }
    this.journal.draw();
  }

  async older() {
    const first = this.journal.rows[0]?.seq ?? 0;
    this.olderButton.disabled = true;
    try {
      const { requests } = await get('requests', { filter: this.filter, before: first, tail: page });
      this.all = requests.length < page;
      this.journal.older(requests);
      this.journal.trimmed = false;
    } catch (error) {
      say(error.message);
    } finally {
      this.olderButton.disabled = false;
      this.told();
    }
  }

  async clearRecord() {
    if (await confirm('Forget all requests?', 'The record is emptied, for everybody who asks this registry. What goes wrong and the content stay.', 'Forget')) {
      await change('DELETE', 'requests').catch(error => say(error.message));
    }
  }

  // told shows the state of the journal around it, once a frame.
  told() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.tell();
    });
  }

  tell() {
    const { rows, following, paused, held } = this.journal;
    this.pauseButton.setAttribute('aria-pressed', paused);
    this.pauseButton.textContent = paused ? 'Resume' : 'Pause';
    this.followButton.setAttribute('aria-pressed', following);
    this.newerButton.hidden = following && !paused || !held;
    this.newerButton.textContent = `${count(held)} newer`;
    this.olderButton.hidden = rows.length === 0 || rows[0].seq === 1 || (this.all && !this.journal.trimmed);
    const words = ` ${this.input.value.trim()} `;
    this.chips.forEach(chip => chip.setAttribute('aria-pressed', words.includes(` ${chip.dataset.filter} `)));
    this.element.dispatchEvent(new CustomEvent('told', { bubbles: true }));
    this.note.hidden = rows.length > 0;
    if (rows.length === 0) {
      this.note.replaceChildren(...this.nothing());
    }
  }

  // nothing says why there are no rows.
  nothing() {
    if (this.failed) {
      return [h('p', { class: 'title' }, printable(this.failed.message)), h('p', {}, 'Trying again.')];
    }
    if (this.element.hasAttribute('aria-busy')) {
      return [h('p', {}, 'Loading…')];
    }
    if (!this.following) {
      return [h('p', { class: 'title' }, 'That is no filter.')];
    }
    if (this.filter) {
      return [h('p', { class: 'title' }, 'No request matches.'), h('p', {}, 'New ones that do will appear here.')];
    }
    return [h('p', { class: 'title' }, 'No requests yet.'), h('p', {}, 'Point a client here and they appear as they come:'),
      h('pre', { class: 'code' }, `crane catalog ${printable(this.site.host)}\ndocker pull ${printable(this.site.host)}/app:v1`)];
  }

  // key is the keyboard in the journal and in the pane.
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    if (event.key === 'Escape') {
      return this.escape(event);
    }
    if (event.target.matches('input, textarea, select, pre, .scroll')) {
      return;
    }
    const keys = {
      j: () => this.step(1), k: () => this.step(-1), ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1),
      PageDown: () => this.step(20), PageUp: () => this.step(-20),
      Home: () => this.step(-Infinity), g: () => this.step(-Infinity),
      End: () => { this.latestRows(); this.step(Infinity); }, G: () => { this.latestRows(); this.step(Infinity); },
      Enter: () => this.enterRow(),
    };
    const inRows = event.target.closest('.rows');
    if (keys[event.key] && (inRows || (/^[jkgG]$/.test(event.key)))) {
      event.preventDefault();
      keys[event.key]();
    }
  }

  async enterRow() {
    const { active } = this.journal;
    if (active) {
      this.pane.focusNext = true;
      this.open(active.seq);
    }
  }

  escape(event) {
    if (event.target === this.input && this.input.value) {
      this.input.value = '';
      this.try();
    } else if (event.target === this.input) {
      this.journal.active?.element.focus();
    } else if (this.pane.seq) {
      this.close();
    }
  }
}

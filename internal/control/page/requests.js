// The view of requests: the journal, its filter, and the open request.

import { change, get } from './api.js';
import { confirm } from './dialogs.js';
import { say } from './dom.js';
import { Unsettled } from './inflight.js';
import { Journal } from './journal.js';
import { key } from './keys.js';
import { nothing } from './nothing.js';
import { RequestPane } from './request.js';
import { go, replace, toRequests } from './route.js';
import { count, printable } from './text.js';

const page = 1000; // requests per page

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
    this.unsettled = new Unsettled(this);
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
    document.addEventListener('keydown', event => this.element.hidden || key(event, this));
  }

  // enter shows the location of the URL.
  async enter({ rest, query }) {
    const visit = this.visit = Symbol('latest call');
    const filter = query.filter ?? '';
    if (filter !== this.filter || !this.following) {
      this.input.value = filter;
      await this.load(filter);
    } else if (this.loading !== undefined && this.loading !== filter) {
      this.turn = null; // the user has navigated away in the meantime
      this.input.value = filter;
    }
    if (visit !== this.visit) {
      return;
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

  // leave stops the stream. The other views then follow it.
  leave() {
    this.following = false;
  }

  // refresh does nothing: the stream has all requests.
  refresh() {}

  // load shows the newest requests that match the filter, and follows from there. An invalid filter
  // shows an error and keeps the list.
  async load(filter) {
    const turn = this.turn = Symbol('latest call');
    this.loading = filter;
    this.element.setAttribute('aria-busy', 'true');
    try {
      const [{ requests, last }, start] = await Promise.all([get('requests', { filter, tail: page }), this.begin()]);
      if (turn !== this.turn) {
        return false;
      }
      this.journal.start = start;
      Object.assign(this, { filter, following: true, all: requests.length < page, failed: null });
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
      if (turn === this.turn || this.turn === null) {
        this.loading = undefined;
        this.element.removeAttribute('aria-busy');
      }
      this.told();
    }
  }

  failedWith(error, filter) {
    if (error.status === 400) {
      this.refuse(error.message);
      if (this.filter === undefined) { // no list has been loaded yet
        this.filter = filter;
        this.stream.stop();
      }
      return;
    }
    this.failed = error;
    setTimeout(() => { if (this.failed === error) { this.load(filter); } }, 2000);
  }

  // begin is the time from which the column "at" counts: that of the first request.
  async begin() {
    const { requests } = await get('requests', { limit: 1 });
    return requests.length ? Date.parse(requests[0].start) : null;
  }

  refuse(message) {
    this.wrong.textContent = printable(message);
    this.wrong.hidden = !message;
    this.input.setAttribute('aria-invalid', Boolean(message));
  }

  // try applies the filter in the input.
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

  // toggle adds or removes a filter in the input.
  toggle(word) {
    const words = this.input.value.trim();
    const has = ` ${words} `.includes(` ${word} `);
    this.input.value = (has ? ` ${words} `.replace(` ${word} `, ' ') : `${words} ${word}`).trim();
    this.try();
  }

  // event handles an event of the stream.
  event({ type, data }) {
    if (type === 'profile' && this.pane.seq) {
      this.pane.show(this.pane.seq);
    }
    switch (type) {
      case 'open':
      case 'request': {
        const x = JSON.parse(data);
        this.journal.put(x);
        this.pane.changed(x);
        return;
      }
      case 'cleared':
        this.cleared(JSON.parse(data).last);
    }
  }

  // cleared removes the requests up to a number. 0 is all, after a change of the registry.
  cleared(last) {
    this.journal.start = null;
    this.journal.forget(last || Infinity);
    this.all = true;
    this.told();
  }

  open(seq) {
    go(toRequests(this.filter, seq));
  }

  // openActive opens the row with the focus and moves the focus to the pane.
  openActive() {
    if (this.journal.active) {
      this.pane.focusNext = true;
      this.open(this.journal.active.seq);
    }
  }

  close() {
    go(toRequests(this.filter));
    this.journal.active?.element.focus({ preventScroll: true });
  }

  // step moves to the next or previous row, and opens it if a row is open.
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
    if (this.goingBack) {
      return;
    }
    this.goingBack = true;
    try {
      const { requests } = await get('requests', { filter: this.filter, before: first, tail: page });
      this.all = requests.length < page;
      this.journal.older(requests);
      this.journal.trimmed = false;
    } catch (error) {
      say(error.message);
    } finally {
      this.goingBack = false;
      this.told();
    }
  }

  async clearRecord() {
    if (await confirm('Delete all requests?', 'This deletes the record for all users of this registry. Faults and content are kept.', 'Delete')) {
      await change('DELETE', 'requests').catch(error => say(error.message));
    }
  }

  // told updates the controls around the journal, once per frame.
  told() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.tell();
    });
  }

  tell() {
    this.unsettled.settle();
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
      this.note.replaceChildren(...nothing(this));
    }
  }
}

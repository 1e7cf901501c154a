// The journal: a row for each request, in the order in which they began. To stay responsive, it
// draws new rows once per frame, and keeps only the newest rows.

import { Row } from './row.js';

const kept = 1000; // maximum number of rows in follow mode
const most = 2000; // maximum number of rows otherwise
const atOnce = 250; // rows drawn per frame

export class Journal {
  // The functions are called to open a row, and after a change of anything but the rows.
  constructor(rows, scroller, { open, changed }) {
    Object.assign(this, { element: rows, scroller, open, changed, start: null, following: true, paused: false });
    this.clear();
    rows.addEventListener('click', event => this.clicked(event));
    scroller.addEventListener('scroll', () => this.scrolled(), { passive: true });
  }

  clear() {
    this.rows = [];
    this.queue = new Map();
    this.held = 0; // number of newer requests without a row
    this.trimmed = false; // whether older rows were removed
    this.element.replaceChildren();
    this.active = null;
  }

  // show replaces all rows.
  show(exchanges) {
    const active = this.active?.seq;
    this.clear();
    exchanges.forEach(x => this.queue.set(x.seq, x));
    this.draw(exchanges.length);
    this.activate(this.find(active));
    this.toTail();
  }

  // put adds or updates a request.
  put(x) {
    const known = this.queue.has(x.seq) || this.find(x.seq);
    if (this.paused && !known) {
      return this.hold(x);
    }
    this.queue.set(x.seq, x);
    if (this.queue.size > 2 * kept) { // a hidden tab draws no frames
      this.queue = new Map(this.waiting().slice(-kept).map(x => [x.seq, x]));
    }
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  // waiting returns the requests that are not drawn yet, in order.
  waiting() {
    return [...this.queue.values()].sort((a, b) => a.seq - b.seq);
  }

  // hold counts a request when it has ended, without a row.
  hold(x) {
    if (!x.open) {
      this.held++;
      this.changed();
    }
  }

  // drop removes a request that no longer matches the filter.
  drop(seq) {
    this.queue.delete(seq);
    const row = this.find(seq);
    if (row) {
      this.remove(this.rows.indexOf(row), 1);
      this.changed();
    }
  }

  // forget removes all requests up to a number.
  forget(last) {
    this.queue.forEach((_, seq) => seq <= last && this.queue.delete(seq));
    const after = this.rows.findIndex(row => row.seq > last);
    this.remove(0, after < 0 ? this.rows.length : after);
    this.held = 0;
  }

  // inFlight returns the numbers of the rows in flight.
  inFlight() {
    return this.rows.filter(row => row.open).map(row => row.seq);
  }

  // draw draws a batch of waiting requests, and schedules the others for the next frame.
  draw(n = atOnce) {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    const waiting = this.waiting().slice(this.following ? -kept : 0);
    this.queue = new Map(waiting.slice(n).map(x => [x.seq, x]));
    const tail = document.createDocumentFragment();
    for (const x of waiting.slice(0, n)) {
      this.place(x, tail);
    }
    this.element.append(tail);
    if (this.following && this.rows.length > kept) {
      this.remove(0, this.rows.length - kept);
      this.trimmed = true;
    }
    this.toTail();
    if (this.queue.size > 0) {
      this.frame = requestAnimationFrame(() => this.draw());
    }
    this.changed();
  }

  // place updates the row of an exchange, or appends a new row to a fragment.
  place(x, tail) {
    this.start ??= Date.parse(x.start);
    const index = this.indexOf(x.seq);
    const there = this.rows[index];
    if (there?.seq === x.seq) {
      return there.fill(x, this.start);
    }
    if (index === this.rows.length && !this.following && this.rows.length >= most) {
      return this.hold(x);
    }
    if (index === 0 && this.following && this.rows.length >= kept) {
      return; // older than the oldest row
    }
    const row = new Row(x.seq);
    row.fill(x, this.start);
    if (there) {
      there.element.before(row.element);
    } else {
      tail.append(row.element);
    }
    this.rows.splice(index, 0, row);
    if (!this.active) {
      this.activate(row);
    }
  }

  // older inserts older requests at the top, and keeps the scroll position.
  older(exchanges) {
    this.follow(false);
    const bottom = this.scroller.scrollHeight - this.scroller.scrollTop;
    const excess = this.rows.length + exchanges.length - most;
    if (excess > 0) {
      this.held += excess;
      this.remove(this.rows.length - excess, excess);
    }
    exchanges.forEach(x => this.place(x, this.element));
    this.scroller.scrollTop = this.scroller.scrollHeight - bottom;
    this.changed();
  }

  // indexOf returns the index of a number, or its insertion point. It is usually near the end.
  indexOf(seq) {
    let low = 0, high = this.rows.length;
    if (high && this.rows[high - 1].seq < seq) {
      return high;
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].seq < seq) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  find(seq) {
    const row = this.rows[this.indexOf(seq)];
    return row?.seq === seq ? row : null;
  }

  remove(from, n) {
    const gone = this.rows.splice(from, n);
    const focused = gone.some(row => row.element === document.activeElement);
    gone.forEach(row => row.element.remove());
    if (gone.includes(this.active)) {
      this.active = null;
      this.activate(this.rows[Math.min(from, this.rows.length - 1)], focused);
    }
  }

  // activate makes a row the tab stop.
  activate(row, focus = false) {
    if (!row) {
      return;
    }
    this.active?.element.setAttribute('tabindex', -1);
    this.active = row;
    row.element.setAttribute('tabindex', 0);
    if (focus) {
      row.element.focus({ preventScroll: true });
      row.element.scrollIntoView({ block: 'nearest' });
    }
  }

  // move activates the row at an offset, or the first or last row.
  move(by, focus = true) {
    const at = this.rows.indexOf(this.active);
    const next = Math.max(0, Math.min(this.rows.length - 1, at + by));
    if (next < this.rows.length - 1) {
      this.follow(false);
    }
    this.activate(this.rows[next], focus);
    return this.active;
  }

  // select marks the open row and scrolls to it.
  select(seq) {
    this.element.querySelector('[aria-selected]')?.removeAttribute('aria-selected');
    const row = this.find(seq);
    if (row) {
      row.element.setAttribute('aria-selected', 'true');
      this.activate(row);
      if (row !== this.rows.at(-1)) {
        this.follow(false);
      }
      row.element.scrollIntoView({ block: 'nearest' });
    }
  }

  clicked(event) {
    const element = event.target.closest('.row');
    if (element && !event.target.closest('a') && getSelection().isCollapsed) {
      this.open(Number(element.dataset.seq));
    }
  }

  follow(on) {
    if (this.following !== on) {
      this.following = on;
      if (on) {
        this.draw();
      }
      this.changed();
    }
  }

  toTail() {
    if (this.following) {
      this.scroller.scrollTop = this.scroller.scrollHeight;
      this.tail = this.scroller.scrollTop;
    }
  }

  // scrolled enters follow mode when the user scrolls to the end, and leaves it when the user
  // scrolls up.
  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const atTail = scrollHeight - scrollTop - clientHeight < 8;
    if (this.following && !atTail && scrollTop < this.tail - 8) {
      this.follow(false);
    } else if (!this.following && !this.held && atTail && scrollTop > this.tail) {
      this.follow(true);
    }
    this.tail = scrollTop;
  }
}

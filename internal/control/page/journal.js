// The journal: a line for each request, in the order in which they began. It stays
// fluid however many there are: what comes in is drawn once a frame, and only so
// many of the newest are there at all.

import { Row } from './row.js';

const kept = 1000; // rows while the tail is followed
const most = 2000; // rows while somebody looks at older ones
const atOnce = 250; // rows that are drawn in a frame

export class Journal {
  // The functions are told that a row is to be opened, and that something else than
  // the rows has changed.
  constructor(rows, scroller, { open, changed }) {
    Object.assign(this, { element: rows, scroller, open, changed, start: null, following: true, paused: false });
    this.clear();
    rows.addEventListener('click', event => this.clicked(event));
    scroller.addEventListener('scroll', () => this.scrolled(), { passive: true });
  }

  clear() {
    this.rows = [];
    this.queue = new Map();
    this.held = 0; // newer ones that are not among the rows
    this.trimmed = false; // older ones were there and are not any more
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

  // put adds a request, or what has become of it.
  put(x) {
    const known = this.queue.has(x.seq) || this.find(x.seq);
    if (this.paused && !known) {
      return this.hold(x);
    }
    this.queue.set(x.seq, x);
    if (this.queue.size > 2 * kept) { // nothing is drawn while the tab is not seen
      this.queue = new Map(this.waiting().slice(-kept).map(x => [x.seq, x]));
    }
    this.frame ??= requestAnimationFrame(() => this.draw());
  }

  // waiting returns those that are not drawn yet, in order.
  waiting() {
    return [...this.queue.values()].sort((a, b) => a.seq - b.seq);
  }

  // hold only counts a request, once it has ended.
  hold(x) {
    if (!x.open) {
      this.held++;
      this.changed();
    }
  }

  // drop takes away a request that is no longer meant.
  drop(seq) {
    this.queue.delete(seq);
    const row = this.find(seq);
    if (row) {
      this.remove(this.rows.indexOf(row), 1);
      this.changed();
    }
  }

  // forget drops all requests up to a number.
  forget(last) {
    this.queue.forEach((_, seq) => seq <= last && this.queue.delete(seq));
    const after = this.rows.findIndex(row => row.seq > last);
    this.remove(0, after < 0 ? this.rows.length : after);
    this.held = 0;
  }

  // inFlight returns the numbers of the rows that have no end yet.
  inFlight() {
    return this.rows.filter(row => row.open).map(row => row.seq);
  }

  // draw draws the first of those that wait, and the others with the next frame.
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

  // place puts an exchange into its row, at the end by way of a fragment.
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
      return; // older than what there is room for
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

  // older puts older requests before the others, and leaves what is seen where it is.
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

  // indexOf is where a number is, or belongs: near the end, mostly.
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

  // activate makes a row the one that Tab gets to.
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

  // move goes so many rows on, or to the first or last.
  move(by, focus = true) {
    const at = this.rows.indexOf(this.active);
    const next = Math.max(0, Math.min(this.rows.length - 1, at + by));
    if (next < this.rows.length - 1) {
      this.follow(false);
    }
    this.activate(this.rows[next], focus);
    return this.active;
  }

  // select marks the row that is open, and shows it.
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

  // scrolled follows the tail if somebody has gone there, and lets it go if they
  // have gone up from it.
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

// The journal: a line for each request, in the order in which they began. It stays
// fluid however many there are: what comes in is drawn once a frame, and only so
// many of the newest are there at all.

import { about, notes, statusClass, statusText } from './exchange.js';
import { h } from './dom.js';
import { printable, size, span, text } from './text.js';

const kept = 1000; // rows while the tail is followed
const most = 2000; // rows while somebody looks at older ones

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
    this.draw();
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
      this.queue = new Map([...this.queue].sort(([a], [b]) => a - b).slice(-kept));
    }
    this.frame ??= requestAnimationFrame(() => { this.draw(); });
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

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    let batch = [...this.queue.values()].sort((a, b) => a.seq - b.seq);
    this.queue.clear();
    if (this.following) {
      batch = batch.slice(-kept);
    }
    const tail = document.createDocumentFragment();
    for (const x of batch) {
      this.place(x, tail);
    }
    this.element.append(tail);
    if (this.following && this.rows.length > kept) {
      this.remove(0, this.rows.length - kept);
      this.trimmed = true;
    }
    if (this.following) {
      this.toTail();
    }
    this.changed();
  }

  // place puts an exchange into its row, at the end by way of a fragment.
  place(x, tail) {
    this.start ??= Date.parse(x.start);
    const index = this.indexOf(x.seq);
    const there = this.rows[index];
    if (there?.seq === x.seq) {
      return fill(there, x, this.start);
    }
    if (index === this.rows.length && !this.following && this.rows.length >= most) {
      return this.hold(x);
    }
    if (index === 0 && this.following && this.rows.length >= kept) {
      return; // older than what there is room for
    }
    const row = { seq: x.seq, element: h('div', { role: 'row', class: 'row', tabindex: -1, 'data-seq': x.seq }) };
    fill(row, x, this.start);
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
    if (this.following && scrollTop < this.tail - 8) {
      this.follow(false);
    } else if (!this.following && !this.held && scrollTop > this.tail && scrollHeight - scrollTop - clientHeight < 2) {
      this.follow(true);
    }
    this.tail = scrollTop;
  }
}

// fill says in a row what is known of an exchange.
function fill(row, x, start) {
  const cell = (name, shown, properties = {}) =>
    h('span', { role: 'gridcell', ...properties, class: `c-${name} ${properties.class ?? ''}`.trim() }, shown);
  const faults = (x.faults ?? []).map(name => h('span', { class: 'chip fault' }, `fault ${printable(name)}`));
  const said = notes(x).join(', ');
  row.element.classList.toggle('open', Boolean(x.open));
  row.element.replaceChildren(
    cell('seq', x.seq),
    cell('at', span(Date.parse(x.start) - start), { title: x.start }),
    cell('op', x.op, { title: `${text(x.method)} ${printable(x.target)}` }),
    cell('what', h('bdi', {}, about(x)), { title: printable(x.target) }),
    cell('status', statusText(x), { class: statusClass(x) }),
    cell('in', x.requestBytes ? size(x.requestBytes) : '', { title: x.requestBytes }),
    cell('out', x.responseBytes ? size(x.responseBytes) : '', { title: x.responseBytes }),
    cell('time', x.open ? '…' : span((x.durationNanos ?? 0) / 1e6)),
    cell('conn', x.conn ?? ''),
    cell('notes', [x.open && h('span', { class: 'chip' }, 'in flight'), ...faults, said && h('bdi', {}, said)].filter(Boolean)
      .flatMap(part => [part, ' ']), { title: said }));
}

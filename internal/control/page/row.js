// A row of the journal.

import { h } from './dom.js';
import { about, notes, statusClass, statusText } from './exchange.js';
import { printable, size, span, text } from './text.js';

// columns are the cells of a row, in order. Their names are their CSS classes.
const columns = ['seq', 'at', 'op', 'what', 'status', 'in', 'out', 'time', 'conn', 'notes'];

// blank is the template of rows: cloning it is faster than building each row.
const blank = h('div', { role: 'row', class: 'row', tabindex: -1 }, columns.map(name => h('span', { role: 'gridcell', class: `c-${name}` })));

export class Row {
  constructor(seq) {
    this.seq = seq;
    this.element = blank.cloneNode(true);
    this.element.dataset.seq = seq;
    this.set('seq', seq);
  }

  // set sets the text and the tooltip of a cell.
  set(name, shown, title) {
    const cell = this.element.children[columns.indexOf(name)];
    cell.textContent = shown;
    if (title) {
      cell.title = title;
    }
    return cell;
  }

  // fill shows an exchange. The column "at" counts from start.
  fill(x, start) {
    this.open = Boolean(x.open);
    this.element.classList.toggle('open', this.open);
    const target = printable(x.target);
    this.set('at', span(Date.parse(x.start) - start), x.start);
    this.set('op', x.op, `${text(x.method)} ${target}`);
    this.set('what', about(x), target);
    this.set('status', statusText(x)).className = `c-status ${statusClass(x)}`;
    this.set('in', x.requestBytes ? size(x.requestBytes) : '', x.requestBytes);
    this.set('out', x.responseBytes ? size(x.responseBytes) : '', x.responseBytes);
    this.set('time', x.open ? '…' : span((x.durationNanos ?? 0) / 1e6));
    this.set('conn', x.conn ?? '');
    this.note(x);
  }

  // note shows faults, traits and other unusual properties.
  note(x) {
    const said = notes(x).join(', ');
    const cell = this.set('notes', '', said);
    if (x.open) {
      cell.append(h('span', { class: 'chip' }, 'in flight'), ' ');
    }
    for (const name of x.faults ?? []) {
      cell.append(h('span', { class: 'chip fault' }, `fault ${printable(name)}`), ' ');
    }
    for (const name of x.traits ?? []) {
      cell.append(h('span', { class: 'chip trait' }, `trait ${printable(name)}`), ' ');
    }
    if (said) {
      cell.append(said);
    }
  }
}

// Requests in flight that match a filter. When a request ends, it may no longer match, and the
// stream then sends no event for it.

import { get } from './api.js';

const pause = 1000; // milliseconds between two polls

export class Unsettled {
  constructor(requests) {
    this.requests = requests;
  }

  // settle polls the requests in flight until all have ended.
  settle() {
    if (!this.timer && this.requests.filter && this.requests.journal.inFlight().length > 0) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.ask().catch(() => {}).finally(() => this.settle()); // on an error, poll again
      }, pause);
    }
  }

  async ask() {
    const { filter, turn, journal } = this.requests;
    const seqs = journal.inFlight();
    if (seqs.length === 0) {
      return;
    }
    const { requests } = await get('requests', { filter, after: seqs[0] - 1, before: seqs.at(-1) + 1, limit: 10_000 });
    if (turn === this.requests.turn) {
      const meant = new Map(requests.map(x => [x.seq, x]));
      seqs.forEach(seq => meant.has(seq) ? journal.put(meant.get(seq)) : journal.drop(seq));
    }
  }
}

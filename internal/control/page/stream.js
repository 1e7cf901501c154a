// Events of the API. EventSource cannot send an Authorization header, so this uses fetch.

import { request } from './api.js';

const quiet = 40_000; // milliseconds; the API sends something more often
const longest = 5_000; // maximum number of milliseconds between two attempts
const busy = 10; // milliseconds of events before the page may draw

// Stream follows one source of events at a time. It reconnects and continues after the last event.
export class Stream {
  // The functions receive each event as { type, id, data }; the state, "idle", "connecting", "live"
  // or "lost"; and an error that makes a retry useless.
  constructor({ event, state, refused }) {
    Object.assign(this, { event, state, refused });
  }

  // follow restarts after the request with the number after.
  follow(filter, after) {
    this.stop();
    Object.assign(this, { filter, after: String(after), last: String(after) });
    this.resume();
  }

  stop() {
    this.controller?.abort();
    this.controller = this.filter = undefined;
    this.state('idle');
  }

  // suspend closes the connection for a while: a browser allows few connections to a host, shared
  // by all its tabs.
  suspend() {
    this.controller?.abort();
    this.controller = undefined;
  }

  resume() {
    if (!this.controller && this.filter !== undefined) {
      this.controller = new AbortController();
      this.run(this.controller.signal);
    }
  }

  // take keeps an error in one event from ending the stream.
  take(event) {
    try {
      this.event(event);
    } catch (error) {
      reportError(error);
    }
  }

  async run(signal) {
    let pause = 250;
    this.state('connecting');
    while (!signal.aborted) {
      const watch = new Watch(signal);
      try {
        const response = await request('GET', 'events', {
          query: { filter: this.filter, after: this.after }, headers: this.last === this.after ? {} : { 'Last-Event-ID': this.last },
          signal: watch.signal,
        });
        this.state('live');
        pause = 250;
        for await (const event of events(response.body, watch)) {
          if (signal.aborted) {
            return;
          }
          this.last = event.id || this.last;
          this.take(event);
        }
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        if (error.status >= 400 && error.status < 500) {
          return this.refused(error);
        }
      } finally {
        watch.end();
      }
      this.state('lost');
      await sleep(pause, signal);
      pause = Math.min(2 * pause, longest);
    }
  }
}

// Watch aborts a connection that has become silent.
class Watch {
  constructor(outer) {
    this.controller = new AbortController();
    this.signal = AbortSignal.any([outer, this.controller.signal]);
    this.reset();
  }

  reset() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller.abort(), quiet);
  }

  end() {
    clearTimeout(this.timer);
    this.controller.abort();
  }
}

const sleep = (ms, signal) => new Promise(done => {
  const timer = setTimeout(done, ms);
  signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
});

// breath yields to the browser. Received events would otherwise keep it busy.
const breath = () => document.hidden ? undefined : new Promise(done => setTimeout(done));

// events parses server-sent events as in the HTML standard (9.2.6), with the line endings of the
// API.
async function* events(body, watch) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '', event = { type: 'message', data: '' }, begun = performance.now();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      return;
    }
    watch.reset();
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line === '') {
        yield event;
        event = { type: 'message', data: '' };
        if (performance.now() - begun > busy) {
          await breath();
          begun = performance.now();
        }
        continue;
      }
      const [, name, content] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (name === 'event') {
        event.type = content;
      } else if (name === 'id') {
        event.id = content;
      } else if (name === 'data') {
        event.data += event.data ? '\n' + content : content;
      }
    }
  }
}

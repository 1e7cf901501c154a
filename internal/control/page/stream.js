// The live events of the API. EventSource cannot send an Authorization header, so
// they are read from a fetch.

import { request } from './api.js';

const quiet = 40_000; // the API is never silent for so long, in milliseconds
const longest = 5_000; // between two attempts

// Stream follows one source of events at a time, and comes back where it was when
// the connection is lost.
export class Stream {
  // The functions get each event as { type, id, data }; the state, "idle",
  // "connecting", "live" or "lost"; and an error that says it is of no use to try again.
  constructor({ event, state, refused }) {
    Object.assign(this, { event, state, refused });
  }

  // follow begins anew, behind the request with the number after.
  follow(filter, after) {
    this.stop();
    this.controller = new AbortController();
    this.run(filter, String(after), this.controller.signal);
  }

  stop() {
    this.controller?.abort();
    this.state('idle');
  }

  // take keeps what goes wrong with one event from ending the stream.
  take(event) {
    try {
      this.event(event);
    } catch (error) {
      reportError(error);
    }
  }

  async run(filter, after, signal) {
    let last = after, pause = 250;
    this.state('connecting');
    while (!signal.aborted) {
      const watch = new Watch(signal);
      try {
        const response = await request('GET', 'events', {
          query: { filter, after }, headers: last === after ? {} : { 'Last-Event-ID': last }, signal: watch.signal,
        });
        this.state('live');
        pause = 250;
        for await (const event of events(response.body, watch)) {
          last = event.id || last;
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

// Watch gives up a connection on which nothing comes any more.
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

// events reads server-sent events as the HTML standard has them (9.2.6), with the
// line ends that the API sends.
async function* events(body, watch) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '', event = { type: 'message', data: '' };
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
        continue;
      }
      const [, name, content] = /^([^:]*):? ?(.*)$/.exec(line);
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

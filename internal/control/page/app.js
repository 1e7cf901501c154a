// The page of ocifake: the requests, content, faults and profile of a registry.

import { change, download, get, takeToken } from './api.js';
import { askReset, confirm, showKeys } from './dialogs.js';
import { say } from './dom.js';
import { Faults } from './faults.js';
import { Lint } from './lint.js';
import { Profiles } from './profiles.js';
import { Repositories } from './repositories.js';
import { Requests } from './requests.js';
import { current, go, toFaults, toLint, toProfile, toRepositories, toRequests } from './route.js';
import { Stream } from './stream.js';
import { count, printable } from './text.js';
import { forget, profile } from './used.js';

const site = { host: location.host, startedAt: undefined };
const byId = id => document.getElementById(id);

const stream = new Stream({
  event,
  state: state => connection(state),
  refused: error => say(error.message),
});

const views = { requests: new Requests(stream, site), repositories: new Repositories(site), faults: new Faults(), profile: new Profiles(showProfile), lint: new Lint() };
let view;

// show shows the view of the URL.
async function show() {
  takeToken();
  const route = current();
  const next = Object.hasOwn(views, route.view) ? route.view : 'requests';
  const changed = next !== view;
  if (changed) {
    if (view) {
      views[view].leave();
    }
    view = next;
    for (const name of Object.keys(views)) {
      views[name].element.hidden = name !== view;
    }
    document.title = `${byId(`to-${view}`).textContent} · ocifake`;
    document.querySelectorAll('.tabs a').forEach(a => a.setAttribute('aria-current', a.id === `to-${view}` ? 'page' : 'false'));
    if (view !== 'requests') {
      followAll().catch(error => say(error.message));
    }
  }
  await views[view].enter(route);
}

// followAll follows the stream without a filter. The view of requests follows its own.
async function followAll() {
  stream.stop();
  const there = view;
  const { last } = await get('requests', { limit: 1 });
  if (view === there) {
    stream.follow('', last);
  }
}

// connection shows the state of the stream. After a reconnect to another registry, the page starts
// over. Otherwise it refreshes, because events may have been missed.
async function connection(state) {
  const shown = byId('connection');
  shown.dataset.state = state;
  shown.textContent = { idle: '', connecting: 'connecting', live: 'live', lost: 'disconnected' }[state];
  if (state === 'live') {
    const before = site.startedAt;
    await look().catch(() => {});
    if (before && site.startedAt !== before) {
      views[view].leave();
      await views[view].enter(current());
    } else {
      await views[view].refresh();
    }
  }
}

// look fetches the description of the registry.
async function look() {
  Object.assign(site, await get('info'));
  byId('host').textContent = printable(site.host);
  forget();
  await showProfile();
}

// showProfile names the profile in the head of the page.
async function showProfile() {
  const { name, title } = await profile();
  byId('profile-used').textContent = printable(title || name);
}

// event passes an event of the stream to the view.
function event(event) {
  if (event.type === 'profile') {
    forget();
    showProfile().then(() => views[view].refresh()).catch(error => say(error.message));
  }
  views[view].event(event);
}

// files can be downloaded. Those of requests contain only the requests that match the filter.
const files = {
  har: { path: 'requests.har', file: 'ocifake.har', filtered: true },
  jsonl: { path: 'requests.jsonl', file: 'ocifake.jsonl', filtered: true },
  journal: { path: 'journal.txt', file: 'ocifake.txt', filtered: true },
  snapshot: { path: 'snapshot', file: 'ocifake.tar' },
  openapi: { path: 'openapi.json', file: 'ocifake-openapi.json' },
};

const actions = {
  async save(name) {
    const { path, file, filtered } = files[name];
    await download(path, filtered && view === 'requests' ? { filter: views.requests.filter } : {}, file);
    say(`Saved ${file}`);
  },
  async reset() {
    const what = await askReset();
    if (what.length > 0) {
      const answer = await change('POST', 'reset', { query: { what: what.join(',') } });
      say(answer.status === 200 ? `Reset, but ${(await answer.json()).message}` : 'Reset');
      await views[view].enter(current());
    }
  },
  async revoke() {
    if (await confirm('Revoke all tokens?', 'All issued tokens become invalid. Clients must request new ones.', 'Revoke')) {
      await change('POST', 'tokens/revoke');
      say('Revoked');
    }
  },
  keys: showKeys,
};

document.addEventListener('click', event => {
  const element = event.target.closest('[data-action]');
  if (element) {
    byId('menu').open = false;
    actions[element.dataset.action](element.dataset.name)?.catch(error => say(error.message));
  } else if (!event.target.closest('#menu')) {
    byId('menu').open = false;
  }
});

document.addEventListener('keydown', event => {
  if (event.key === 'Escape' && byId('menu').open) {
    byId('menu').open = false;
    byId('menu').querySelector('summary').focus();
    return;
  }
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest('input, textarea, select, dialog')) {
    return;
  }
  const keys = {
    '/': () => { const input = views[view].element.querySelector('.filter, .search'); input?.focus(); input?.select(); },
    '?': showKeys,
    1: () => go(toRequests(views.requests.filter)), 2: () => go(toRepositories()), 3: () => go(toFaults()), 4: () => go(toProfile()), 5: () => go(toLint()),
    p: () => view === 'requests' && views.requests.pause(),
    f: () => view === 'requests' && views.requests.toggleFollow(),
  };
  if (Object.hasOwn(keys, event.key)) {
    event.preventDefault();
    keys[event.key]();
  }
});

document.addEventListener('told', () => {
  const { rows } = views.requests.journal;
  byId('shown').textContent = rows.length ? `${count(rows.length)} shown` : '';
});

const unseen = 30_000; // milliseconds after which a hidden tab disconnects

let away;
document.addEventListener('visibilitychange', () => {
  clearTimeout(away);
  if (document.hidden) {
    away = setTimeout(() => stream.suspend(), unseen);
  } else {
    stream.resume();
  }
});

addEventListener('hashchange', show);
look().catch(() => {});
show();

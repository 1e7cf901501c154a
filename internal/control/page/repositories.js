// The view of content: repositories, the content of one, and a manifest.

import { get } from './api.js';
import { copyable, data, failure, fill, h, link, notice, renew, table } from './dom.js';
import { drawManifest } from './manifest.js';
import { contentOf, toContent, toRepositories, toRequests } from './route.js';
import { count, kind, printable, shortDigest, size, text } from './text.js';

const page = 200; // entries per request

export class Repositories {
  constructor(site) {
    this.site = site;
    this.element = document.getElementById('repositories');
    this.list = this.element.querySelector('.list');
    this.names = this.element.querySelector('.names');
    this.main = this.element.querySelector('.main');
    this.search = this.element.querySelector('.search');
    this.search.addEventListener('input', () => this.drawNames());
    this.element.querySelector('.refresh').addEventListener('click', () => this.refresh());
    this.list.addEventListener('keydown', event => this.key(event));
  }

  async enter({ rest }) {
    this.at = contentOf(rest);
    this.element.classList.toggle('deep', Boolean(this.at.repo));
    await this.refresh();
  }

  leave() { this.turn = null; }

  // event notes that content may have changed, and refreshes when no more events arrive.
  event({ type, data: text }) {
    if (type !== 'request') {
      return;
    }
    const { op, status } = JSON.parse(text);
    if (/^(manifest\.(put|delete)|tag\.delete|blob\.(delete|mount|post)|upload\.commit)$/.test(op) && status >= 200 && status < 300) {
      clearTimeout(this.soon);
      this.soon = setTimeout(() => this.refresh(), 400);
    }
  }

  async refresh() {
    if (!this.element.hidden) {
      const names = this.loadNames();
      await (this.at.repo ? Promise.all([names, this.load()]) : names.then(() => this.load()));
    }
  }

  async loadNames() {
    try {
      this.all = await everything('repositories', {}, 'repositories', name => name);
      this.drawNames();
    } catch (error) {
      this.names.replaceChildren(failure(error, () => this.loadNames()));
    }
  }

  drawNames() {
    const wanted = this.search.value.trim().toLowerCase();
    const found = (this.all ?? []).filter(name => name.includes(wanted));
    const focused = this.names.contains(document.activeElement) && document.activeElement.getAttribute('href');
    renew(this.names, found.slice(0, 1000).map(name => h('li', {},
      h('a', { href: toContent(name), 'aria-current': name === this.at?.repo && 'page', class: 'data' }, printable(name)))),
      found.length === 0 && h('li', { class: 'none' }, this.all?.length ? 'No matches.' : 'No repositories.'),
      found.length > 1000 && h('li', { class: 'none' }, `${count(found.length - 1000)} more: use the search`));
    if (focused) {
      this.names.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  key(event) {
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (by && !event.target.matches('input')) {
      const links = [...this.names.querySelectorAll('a')];
      event.preventDefault();
      links[Math.max(0, links.indexOf(document.activeElement) + by)]?.focus();
    }
  }

  // load shows the location of the URL. The previous one stays until the content has arrived.
  async load() {
    const turn = this.turn = Symbol('latest call');
    const { repo, ref } = this.at;
    try {
      const parts = await this.parts(repo, ref);
      if (turn === this.turn) {
        const same = this.shown === location.hash;
        const scrolled = same ? this.main.scrollTop : 0;
        this.shown = location.hash;
        (same ? renew : fill)(this.main, parts);
        this.main.scrollTop = scrolled;
      }
    } catch (error) {
      if (turn === this.turn) {
        this.main.replaceChildren(this.path(repo, ref), failure(error, () => this.load()));
      }
    }
  }

  async parts(repo, ref) {
    if (!repo) {
      return [this.nothing()];
    }
    if (ref) {
      const m = await get('manifest', { repo, ref });
      return [this.path(repo, ref), ...drawManifest(m, repo, ref, this.site)];
    }
    return this.repository(repo);
  }

  nothing() {
    if (this.all?.length === 0) {
      const host = printable(this.site.host);
      return notice('Nothing is stored yet.', h('p', {}, 'Push or load an image:'),
        h('pre', { class: 'code' }, `crane copy alpine ${host}/alpine:3\nocifake load IMAGE.tar`));
    }
    return notice('Choose a repository.');
  }

  path(repo, ref) {
    return h('nav', { class: 'path', 'aria-label': 'Path' },
      link(toRepositories(), 'Repositories'), ' / ',
      ref ? [link(toContent(repo), data(repo)), ' / ', data(ref.includes(':') ? shortDigest(ref) : ref)] : data(repo));
  }

  async repository(repo) {
    const [tags, manifests] = await Promise.all([
      everything('tags', { repo }, 'tags', tag => text(tag.name)),
      everything('manifests', { repo }, 'manifests', m => m.digest),
    ]);
    return [
      this.path(repo),
      h('header', { class: 'title' }, h('h2', {}, data(repo)),
        link(toRequests(`repo=${repo}`), 'requests')),
      part(`Tags`, tags.length, tags.length ? table('Tags', ['Tag', 'Digest'], tags.map(tag => [
        link(toContent(repo, text(tag.name)), data(tag.name)),
        copyable(tag.digest, shortDigest(tag.digest), toContent(repo, tag.digest)),
      ])) : h('p', { class: 'none' }, 'No tags.')),
      part('Manifests', manifests.length, manifests.length ? table('Manifests', ['Digest', 'Kind', 'Size', 'Tags'], manifests.map(m => [
        copyable(m.digest, shortDigest(m.digest), toContent(repo, m.digest)),
        data(kind(m), { title: m.mediaType }), h('span', { class: 'number' }, size(m.size)), data((m.tags ?? []).map(text).join(' ')),
      ])) : h('p', { class: 'none' }, 'No manifests.')),
      this.blobs(repo),
    ];
  }

  // blobs loads the list of blobs on request.
  blobs(repo) {
    const list = h('div', {}, h('p', { class: 'none' }, 'Loading…'));
    return h('details', {
      class: 'part', toggle: async event => {
        if (!event.target.open) {
          return;
        }
        try {
          const blobs = await everything('blobs', { repo }, 'blobs', b => b.digest);
          list.replaceChildren(blobs.length ? table('Blobs', ['Digest', 'Size'], blobs.map(b => [
            copyable(b.digest, shortDigest(b.digest)), h('span', { class: 'number' }, size(b.size))])) : h('p', { class: 'none' }, 'No blobs.'));
        } catch (error) {
          list.replaceChildren(failure(error));
        }
      },
    }, h('summary', {}, 'Blobs'), list);
  }
}

const part = (title, n, ...parts) => h('section', { class: 'part' }, h('h3', {}, title, ' ', h('span', { class: 'count' }, count(n), n >= bound && ' or more')), ...parts);

const bound = 5000; // maximum number of entries in a list

// everything fetches all pages of a list.
async function everything(path, query, name, key) {
  const all = [];
  for (let after = ''; all.length < bound;) {
    const list = (await get(path, { ...query, after, limit: page }))[name];
    all.push(...list);
    if (list.length < page) {
      break;
    }
    after = key(list.at(-1));
  }
  return all;
}

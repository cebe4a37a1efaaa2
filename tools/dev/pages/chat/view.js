// @ts-check
// Draws the state. Elements are kept by id and changed in place, so that focus and scroll position stay. All text goes
// through `textContent`.

const EMOJI = ['👍', '❤️', '😂', '😮', '😢', '🎉'];

/** Some of the short names that a reaction can have instead. */
const SHORT_NAMES = new Map(Object.entries({
  '+1': '👍', '-1': '👎', cry: '😢', fire: '🔥', heart: '❤️', joy: '😂', open_mouth: '😮', red_angry_face: '😡',
  smile: '😄', tada: '🎉', thumbsdown: '👎', thumbsup: '👍',
}));

/** @param {string} id */
export const element = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * @param {string} tag
 * @param {Record<string, any>} properties
 * @param {(Node | string)[]} children
 */
export function create(tag, properties = {}, ...children) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in created) created[name] = value;
    else created.setAttribute(name, value);
  }
  created.append(...children);
  return created;
}

/** What the children that `patch` made looked like, as HTML. */
const versions = new WeakMap();

/**
 * Makes the children of `parent` those that `draw` returns for each item. Elements that look the same are reused: a
 * screen reader would read a new one again. Focus stays on the button with the same `data-focus`.
 */
function patch(parent, items, keyOf, draw) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const focusedKey = focused?.closest('[data-key]')?.dataset.key;
  let previous = null;
  for (const item of items) {
    const key = keyOf(item);
    const drawn = draw(item);
    const version = drawn.outerHTML;
    let child = old.get(key);
    if (!child || versions.get(child) !== version) {
      drawn.dataset.key = key;
      versions.set(drawn, version);
      child?.replaceWith(drawn);
      child = drawn;
    }
    old.delete(key);
    const next = previous ? previous.nextElementSibling : parent.firstElementChild;
    if (next !== child) parent.insertBefore(child, next);
    previous = child;
  }
  for (const child of old.values()) child.remove();
  if (!focused || parent.contains(document.activeElement)) return;
  const child = [...parent.children].find((each) => each.dataset.key === focusedKey);
  const button = child?.querySelector(`[data-focus="${CSS.escape(focused.dataset.focus)}"]`);
  (button ?? parent.closest('[tabindex]'))?.focus();
}

/** A reaction as it is shown: an emoji, or `:name:` for a short name that this page does not know. */
function emojiOf(reaction) {
  return /^[a-z0-9_+-]+$/.test(reaction) ? SHORT_NAMES.get(reaction) ?? `:${reaction}:` : reaction;
}

const nameOf = (contact) => contact?.username ?? 'somebody who was erased';

/** @param {any} conversation */
export function titleOf(conversation, me) {
  if (conversation.name) return conversation.name;
  const others = conversation.contacts.filter((contact) => contact.id !== me.id);
  return others.map(nameOf).join(', ') || 'only you';
}

function summaryOf(message) {
  if (!message) return 'no messages yet';
  return message.message || message.attachments.map((file) => file.filename).join(', ');
}

/** As in "54 KB". */
function size(bytes) {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${Math.round(bytes / 1000 ** power)} ${units[power]}`;
}

function time(seconds) {
  const date = new Date(seconds * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  const text = isToday ? date.toLocaleTimeString([], { timeStyle: 'short' }) : date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  return create('time', { dateTime: date.toISOString() }, text);
}

export class View {
  /** @param {Record<string, Function>} actions what buttons do */
  constructor(actions) {
    this.actions = actions;
    /** What is wrong, by what it affects. */
    this.problems = { action: '', poll: '' };
  }

  /** @param {import('./state.js').State} state */
  draw(state) {
    const { me } = state;
    patch(element('conversations'), state.conversations, (each) => each.id, (each) => this.entry(each, state));
    patch(element('requests'), state.pending, (each) => each.id, (each) => this.entry(each, state));
    element('request-list').hidden = state.pending.length === 0;
    for (const button of document.querySelectorAll('[data-conversation]')) {
      const isOpen = /** @type {HTMLElement} */ (button).dataset.conversation === state.open;
      button.setAttribute('aria-current', String(isOpen));
    }
    const conversation = state.conversation();
    element('conversation').hidden = !conversation;
    element('welcome').hidden = Boolean(conversation);
    if (!conversation) return;
    element('title').textContent = titleOf(conversation, me);
    element('decision').hidden = !conversation.is_pending;
    element('older').hidden = !state.hasOlder;
    const log = element('log');
    const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    patch(element('messages'), state.messages, (each) => each.id, (each) => this.message(each, state));
    this.loadImages(state);
    const unsent = state.unsent.filter((each) => each.conversation === state.open);
    patch(element('unsent'), unsent, (each) => each.key, (each) => this.unsent(each));
    if (wasAtEnd) log.scrollTop = log.scrollHeight;
  }

  entry(conversation, state) {
    const unread = conversation.unread_count;
    const count = unread >= 100 ? '99+' : String(unread);
    const badge = unread ? [create('span', { className: 'badge' }, count, create('span', { className: 'hidden-text' }, ' unread'))] : [];
    const last = summaryOf(conversation.last_message);
    const show = create('button', { type: 'button', 'data-conversation': conversation.id, 'data-focus': 'show', onclick: () => this.actions.show(conversation.id) },
      create('span', { className: 'name' }, titleOf(conversation, state.me)), ...badge,
      create('span', { className: 'last' }, last));
    return create('li', {}, show);
  }

  message(message, state) {
    const isMine = message.contact.id === state.me.id;
    const head = create('p', { className: 'head' }, create('strong', {}, isMine ? 'You' : nameOf(message.contact)), ' ', time(message.created_at));
    if (isMine && message.read_at) head.append(' · read');
    const buttons = create('div', { className: 'buttons' });
    const used = message.reactions.flatMap((each) => Object.keys(each));
    const shown = used.map(emojiOf);
    for (const reaction of [...used, ...EMOJI.filter((each) => !shown.includes(each))]) {
      const users = message.reactions.find((each) => reaction in each)?.[reaction] ?? [];
      const emoji = emojiOf(reaction);
      const label = users.length ? `${emoji} ${users.join(', ')}` : `React with ${emoji}`;
      const text = users.length ? `${emoji} ${users.length}` : emoji;
      const isPressed = users.includes(state.me.username);
      buttons.append(create('button', { type: 'button', 'data-focus': `react ${reaction}`, 'aria-label': label, title: label, 'aria-pressed': String(isPressed), className: users.length ? 'used' : 'unused', onclick: () => this.actions.react(message, reaction) }, text));
    }
    if (isMine) {
      const edit = create('button', { type: 'button', 'data-focus': 'edit', 'aria-label': 'Edit this message', onclick: () => this.actions.edit(message) }, 'Edit');
      const remove = create('button', { type: 'button', 'data-focus': 'remove', 'aria-label': 'Delete this message', onclick: () => this.actions.remove(message) }, 'Delete');
      buttons.append(edit, remove);
    }
    const files = message.attachments.map((file) => this.file(message, file, isMine));
    return create('li', { className: isMine ? 'mine' : 'theirs' }, head, create('p', { className: 'text' }, message.message), ...files, buttons);
  }

  /** An image is shown; what else there is can be saved. */
  file(message, file, isMine) {
    const item = create('div', { className: 'file' });
    if (file.file_type.startsWith('image/')) {
      item.append(create('img', { alt: file.filename, 'data-file': file.id }));
    }
    const label = `${file.filename} (${size(file.file_size)})`;
    item.append(create('button', { type: 'button', 'data-focus': `save ${file.id}`, onclick: () => this.actions.save(file) }, label));
    if (isMine) {
      item.append(create('button', { type: 'button', 'data-focus': `remove ${file.id}`, 'aria-label': `Remove ${file.filename}`, onclick: () => this.actions.removeFile(message, file) }, 'Remove'));
    }
    return item;
  }

  /** Loads the images that were drawn since the last call. */
  loadImages(state) {
    for (const image of element('messages').querySelectorAll('img:not(.loading)')) {
      image.classList.add('loading');
      const { file } = image.dataset;
      state.fileUrl(file, state.background).then((url) => { image.src = url; }, () => image.replaceWith(`${image.alt} cannot be shown`));
    }
  }

  unsent(unsent) {
    const state = unsent.failed ? 'not sent' : 'sending …';
    const files = unsent.uploads.map((upload) => create('p', {}, upload.name));
    const item = create('li', { className: 'mine waiting' }, create('p', { className: 'head' }, state), create('p', { className: 'text' }, unsent.text), ...files);
    if (unsent.failed) {
      item.append(create('button', { type: 'button', 'data-focus': 'send', onclick: () => this.actions.sendAgain(unsent) }, 'Send again'));
    }
    return item;
  }

  /** @param {import('./api.js').Exchange} exchange */
  exchange({ curl, status, attempts, note }) {
    const result = status === null ? 'no response' : String(status);
    const repeated = attempts > 1 ? `, attempt ${attempts}` : '';
    element('result').textContent = `${result}${repeated}${note && ` (${note})`}`;
    element('curl').textContent = curl;
  }

  /**
   * Shows what went wrong, until it is called with null.
   *
   * @param {'action' | 'poll'} affected
   * @param {Error | null} error
   */
  problem(affected, error) {
    const prefix = affected === 'poll' ? 'New messages cannot be loaded: ' : '';
    this.problems[affected] = error ? prefix + error.message : '';
    const text = Object.values(this.problems).filter(Boolean).join(' · ');
    // An alert is read again when it is set.
    if (element('problem').textContent !== text) element('problem').textContent = text;
  }
}

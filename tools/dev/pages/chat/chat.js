// @ts-check
// The chat of the demo data: one person per window, on the public API only.

import { Api } from './api.js';
import { Live } from './live.js';
import { State } from './state.js';
import { View, create, element, titleOf } from './view.js';

const { people, sockets } = await fetch('/chat/setup.json').then((response) => response.json());

const draft = element('draft');
let state;

/** Does something for a person, shows what it changed, or what went wrong. */
async function act(action) {
  try {
    view.problem('action', null);
    await action();
  } catch (error) {
    view.problem('action', error);
  }
  view.draw(state);
}

/** Does something that cannot be undone, if the person confirms it. */
function actIfConfirmed(question, action) {
  if (confirm(question)) act(action);
}

const view = new View({
  show: (id) => act(async () => {
    await state.show(id);
    view.draw(state);
    element('log').scrollTop = element('log').scrollHeight;
    await state.markAsRead();
  }),
  react: (message, emoji) => act(() => state.react(message, emoji)),
  edit: (message) => {
    const text = prompt('The new text', message.message);
    if (text) act(() => state.edit(message, text));
  },
  remove: (message) => actIfConfirmed('Delete this message for everybody?', () => state.remove(message)),
  save: (file) => act(async () => {
    const href = await state.fileUrl(file.id, state.api);
    create('a', { href, download: file.filename }).click();
  }),
  removeFile: (message, file) => actIfConfirmed(`Remove ${file.filename} for everybody?`, () => state.removeFile(message, file.id)),
  sendAgain: (unsent) => act(() => state.trySending(unsent, () => view.draw(state))),
});

/** Begins the chat of the person whose token this is. Shows what is wrong if the token is not valid. */
async function start(token, hash = '') {
  const api = new Api(token, (exchange) => view.exchange(exchange));
  let me;
  try {
    view.problem('action', null);
    me = await api.me();
  } catch (error) {
    view.problem('action', error);
    return;
  }
  // Another choice was faster.
  if (state) return;
  const background = new Api(token, () => {});
  state = new State(me, api, background);
  location.hash = hash;
  document.title = `${me.username} · CityPay Messages`;
  element('me').textContent = me.username;
  element('who').hidden = true;
  element('chat').hidden = false;
  element('drop').disabled = false;
  element('drop').onclick = () => {
    api.responsesToDrop = 2;
  };
  element('welcome').focus();
  const poll = async () => {
    await state.refresh();
    view.draw(state);
    if (!document.hidden) await state.markAsRead();
  };
  new Live(background, sockets).subscribe(poll, (error) => view.problem('poll', error));
}

function begin(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const usernames = String(form.get('usernames')).split(/[\s,]+/).filter(Boolean);
  const name = String(form.get('name'));
  act(async () => {
    const created = await state.api.createConversation({ participants: usernames, ...(name && { name }) });
    event.target.reset();
    await state.refresh();
    await state.show(created.id);
  });
}

function send() {
  const text = draft.value.trim();
  const files = [...element('files').files];
  if (!text && files.length === 0) return;
  draft.value = '';
  element('files').value = '';
  act(() => state.send(text, files, () => view.draw(state)));
}

element('begin').onsubmit = begin;
element('compose').onsubmit = (event) => {
  event.preventDefault();
  send();
};
draft.onkeydown = (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
};
element('older').onclick = () => act(() => state.loadOlder());
element('accept').onclick = () => act(async () => {
  await state.api.updateConversation(state.open, { accepted: true });
  await state.refresh();
  draft.focus();
});
const leaveIfConfirmed = (question) => {
  const id = state.open;
  actIfConfirmed(question, async () => {
    await state.leave(id);
    view.draw(state);
    if (!state.open) element('welcome').focus();
  });
};
const openTitle = () => titleOf(state.conversation(), state.me);
element('leave').onclick = () => leaveIfConfirmed(`Leave the conversation with ${openTitle()}?`);
element('decline').onclick = () => leaveIfConfirmed(`Decline the request of ${openTitle()}?`);

for (const { username, token } of people) {
  const hash = `#as=${username}`;
  const link = create('a', { href: hash, target: '_blank' }, username);
  element('others').append(create('li', {}, link));
  const button = create('button', { type: 'button', onclick: () => start(token, hash) }, username);
  element('people').append(create('li', {}, button));
}
element('with-token').onsubmit = (event) => {
  event.preventDefault();
  start(element('token').value.trim());
};
const chosen = people.find(({ username }) => location.hash === `#as=${username}`);
if (chosen) {
  element('who').hidden = true;
  await start(chosen.token, location.hash);
  element('who').hidden = Boolean(state);
}

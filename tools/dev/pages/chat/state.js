// @ts-check
// What one person sees: conversations, the messages of the open one, and messages that are being sent.

import { ApiError } from './api.js';

/** @typedef {import('./api.js').Api} Api */

export class State {
  /**
   * @param {any} me the person's contact
   * @param {Api} api for what the person does
   * @param {Api} background for what the page does by itself
   */
  constructor(me, api, background) {
    this.me = me;
    this.api = api;
    this.background = background;
    this.conversations = [];
    this.pending = [];
    /** The id of the open conversation. */
    this.open = null;
    /** Its messages, oldest first. */
    this.messages = [];
    this.hasOlder = false;
    /** Messages that are not acknowledged yet. */
    this.unsent = [];
    /** The URLs of files that have been shown, by attachment. */
    this.files = new Map();
  }

  /** Loads the lists, and the newest page of the open conversation. */
  async refresh() {
    const [open, pending] = await Promise.all([
      this.background.conversations(),
      this.background.conversations({ pending: true }),
    ]);
    this.conversations = open.data;
    this.pending = pending.data;
    if (this.open && !this.conversation()) this.close();
    if (this.open) await this.loadNewest(this.background);
  }

  async show(id) {
    this.open = id;
    this.messages = [];
    await this.loadNewest(this.api);
  }

  close() {
    this.open = null;
    this.messages = [];
  }

  async leave(id) {
    await this.api.leaveConversation(id);
    if (this.open === id) this.close();
    await this.refresh();
  }

  conversation() {
    return [...this.conversations, ...this.pending].find((each) => each.id === this.open);
  }

  /** Replaces the newest page: edits, reactions and deletions change older messages, too. */
  async loadNewest(api) {
    const conversation = this.open;
    const page = await api.messages(conversation).catch(nullIfNotFound);
    if (conversation !== this.open) return;
    // The person has just been removed, or has left in another window.
    if (!page) return this.close();
    const newest = page.data.reverse();
    const older = newest.length ? this.messages.filter((each) => each.id < newest[0].id) : [];
    if (older.length === 0) this.hasOlder = page.has_more;
    this.messages = [...older, ...newest];
  }

  async loadOlder() {
    const conversation = this.open;
    const page = await this.api.messages(conversation, { starting_after: this.messages[0].id });
    if (conversation !== this.open) return;
    this.messages = [...page.data.reverse(), ...this.messages];
    this.hasOlder = page.has_more;
  }

  /** Marks the open conversation as read, if it has unread messages. */
  async markAsRead() {
    const conversation = this.conversation();
    const newest = this.messages.at(-1);
    if (!newest || !conversation?.unread_count || conversation.is_pending) return;
    // Not found: the message was deleted, or the person is no longer a participant.
    await this.background.updateConversation(conversation.id, { read_up_to: newest.id }).catch(nullIfNotFound);
    conversation.unread_count = 0;
  }

  /** Sends a message under a key of its own, so that repeating it cannot store it twice. */
  async send(text, files, onChange) {
    const uploads = files.map((file) => ({ file, name: file.name, id: null }));
    const unsent = { key: crypto.randomUUID(), conversation: this.open, text, uploads, failed: false };
    this.unsent.push(unsent);
    await this.trySending(unsent, onChange);
  }

  async trySending(unsent, onChange) {
    unsent.failed = false;
    onChange();
    try {
      await Promise.all(unsent.uploads.map(async (upload) => {
        upload.id ??= await this.api.upload(unsent.conversation, upload.file);
      }));
      const attachments = unsent.uploads.map((upload) => upload.id);
      const message = await this.api.send(unsent.conversation, { message: unsent.text, attachments }, unsent.key);
      this.unsent = this.unsent.filter((each) => each !== unsent);
      const isKnown = this.messages.some((each) => each.id === message.id);
      if (this.open === unsent.conversation && !isKnown) this.messages.push(message);
    } catch (error) {
      unsent.failed = true;
      throw error;
    } finally {
      onChange();
    }
  }

  /** The URL of a file within this page, for as long as the page is open. */
  fileUrl(id, api) {
    if (!this.files.has(id)) {
      const url = api.download(id).then((file) => URL.createObjectURL(file));
      url.catch(() => this.files.delete(id));
      this.files.set(id, url);
    }
    return this.files.get(id);
  }

  /** Takes an attachment off its message. */
  async removeFile(message, id) {
    await this.api.deleteAttachment(id);
    this.replace({ ...message, attachments: message.attachments.filter((each) => each.id !== id) });
  }

  /** Adds one's reaction, or takes it back. */
  async react(message, emoji) {
    const users = message.reactions.find((each) => emoji in each)?.[emoji] ?? [];
    const isMine = users.includes(this.me.username);
    const reactions = { [emoji]: isMine ? [] : [this.me.username] };
    this.replace(await this.api.updateMessage(message.id, { reactions }));
  }

  async edit(message, text) {
    this.replace(await this.api.updateMessage(message.id, { message: text }));
  }

  async remove(message) {
    await this.api.deleteMessage(message.id);
    this.messages = this.messages.filter((each) => each.id !== message.id);
  }

  replace(message) {
    this.messages = this.messages.map((each) => (each.id === message.id ? message : each));
  }
}

function nullIfNotFound(error) {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

/** What must survive a reload: logins, the keys of actions, guests' secrets. */

/** `localStorage`, React Native's AsyncStorage, or your own. */
export interface KeyValueStorage {
  getItem(key: string): string | null | Promise<string | null>
  setItem(key: string, value: string): unknown
  removeItem(key: string): unknown
}

/** An action under way, such as a checkout. */
export interface Action {
  /** Its `Idempotency-Key`. */
  key: string
  /** What is sent under it: the server refuses another body. */
  body: string
  /** When it began, in milliseconds. */
  at: number
  /** What it has made. */
  made?: string
}

const ACTIONS = 'souk.actions'
const SECRETS = 'souk.secrets'
/** The server knows a key for 24 hours. Then the same key would do the action again. */
const KEY_LIFE = 23 * 3_600_000
const SECRETS_KEPT = 100

export class Kept {
  private last: Promise<unknown> = Promise.resolve()

  constructor(private readonly storage: KeyValueStorage) {}

  async read<T>(key: string): Promise<T | null> {
    try {
      return JSON.parse((await this.storage.getItem(key)) ?? 'null')
    } catch {
      // What can't be read says nothing. Browsers refuse storage altogether in some private windows.
      return null
    }
  }

  async write(key: string, value: unknown): Promise<void> {
    try {
      await this.storage.setItem(key, JSON.stringify(value))
    } catch {
      // Full or refused: what isn't kept is lost with the page, and the checkout goes on.
    }
  }

  async remove(key: string): Promise<void> {
    try {
      await this.storage.removeItem(key)
    } catch {
      // As above.
    }
  }

  /** The action of this name: the one under way, or a new one with this body. */
  action(name: string, body: () => string): Promise<Action> {
    return this.change<Record<string, Action>, Action>(ACTIONS, (all) => {
      for (const [each, { at }] of Object.entries(all)) {
        if (Date.now() - at > KEY_LIFE) delete all[each]
      }
      return (all[name] ??= { key: newKey(), body: body(), at: Date.now() })
    })
  }

  /** Notes what an action has made. */
  note(name: string, made: string): Promise<void> {
    return this.change<Record<string, Action>, void>(ACTIONS, (all) => {
      if (all[name]) all[name].made = made
    })
  }

  /** Ends an action: the next one of its name is another. */
  end(name: string): Promise<void> {
    return this.change<Record<string, Action>, void>(ACTIONS, (all) => {
      delete all[name]
    })
  }

  async actions(): Promise<[string, Action][]> {
    return Object.entries((await this.read<Record<string, Action>>(ACTIONS)) ?? {})
  }

  /** Keeps a guest's secret under the ids of what it opens. */
  keepSecret(ids: string[], secret: string): Promise<void> {
    return this.change<Record<string, string>, void>(SECRETS, (all) => {
      for (const id of ids) {
        delete all[id]
        all[id] = secret
      }
      for (const old of Object.keys(all).slice(0, -SECRETS_KEPT)) delete all[old]
    })
  }

  async secret(id: string): Promise<string | undefined> {
    return (await this.read<Record<string, string>>(SECRETS))?.[id]
  }

  /** Reads, changes and writes a record, one change after the other. */
  private change<T extends object, R>(key: string, change: (all: T) => R): Promise<R> {
    const next = this.last.then(async () => {
      const all = (await this.read<T>(key)) ?? ({} as T)
      const result = change(all)
      await this.write(key, all)
      return result
    })
    this.last = next.catch(() => {})
    return next
  }
}

/** Lives as long as the page. */
export function memory(): KeyValueStorage {
  const all = new Map<string, string>()
  return {
    getItem: (key) => all.get(key) ?? null,
    setItem: (key, value) => all.set(key, value),
    removeItem: (key) => all.delete(key),
  }
}

/** Unlike any other. React Native has no `crypto` unless a package brings it; then chance must do, which the server mixes with who asks. */
function newKey(): string {
  const { crypto } = globalThis as { crypto?: Crypto }
  if (crypto?.randomUUID) return crypto.randomUUID()
  const part = () => Math.floor((crypto?.getRandomValues(new Uint32Array(1))[0] ?? Math.random() * 2 ** 32)).toString(36)
  return [Date.now().toString(36), part(), part(), part(), part()].join('-')
}

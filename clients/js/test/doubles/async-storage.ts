/** React Native's AsyncStorage. */
const all = new Map<string, string>()

export default {
  getItem: async (key: string) => all.get(key) ?? null,
  setItem: async (key: string, value: string) => void all.set(key, value),
  removeItem: async (key: string) => void all.delete(key),
}

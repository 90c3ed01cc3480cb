/** Expo's browser, which closes as a test says. */
export const closes = { by: { type: 'cancel' } as { type: string; url?: string }, opened: [] as unknown[] }

export async function openAuthSessionAsync(url: string, redirectUrl: string) {
  closes.opened.push([url, redirectUrl])
  return closes.by
}
export const openBrowserAsync = async () => closes.by
export const dismissBrowser = () => {}

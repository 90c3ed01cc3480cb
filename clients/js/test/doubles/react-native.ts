/** React Native's components as plain elements, for the Expo example. */
import { createElement } from 'react'

export const View = 'View'
export const Text = 'Text'
export const Button = (props: { title: string; onPress(): void }) => createElement('Button', props)
export const StyleSheet = { create: <T>(styles: T) => styles }
export const AppState = { addEventListener: () => ({ remove() {} }) }
export const Linking = { addEventListener: () => ({ remove() {} }), getInitialURL: async () => null }

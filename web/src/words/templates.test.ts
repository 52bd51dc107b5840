import { expect, test } from 'vitest'
import { parse } from 'vue/compiler-sfc'

const spokenAttributes = new Set([
  'title',
  'label',
  'placeholder',
  'aria-label',
  'alt',
  'description',
  'help',
  'legend',
])
const letter = /\p{L}/u
/** A text in an expression that a person would read: it begins with a capital letter, or has several words. */
const sentence = /(['"`])(?:\p{Lu}|(?:(?!\1).)*\p{L} \p{L})(?:(?!\1).)*\1/u

/** What a syntax tree of Vue has that is looked at here. Its types of nodes are numbers. */
interface Node {
  type: number
  name?: string
  rawName?: string
  content?: string | { content?: string }
  value?: { content: string }
  exp?: { content?: string }
  props?: Node[]
  children?: Node[]
}
const [textNode, interpolation, attribute] = [2, 5, 6]

function textsOf(node: Node): string[] {
  if (typeof node.content === 'string' && node.type === textNode) {
    return letter.test(node.content) ? [node.content.trim()] : []
  }
  if (typeof node.content === 'object' && node.type === interpolation) return sentencesIn(node.content.content)
  return [...(node.props ?? []).flatMap(spokenTexts), ...(node.children ?? []).flatMap(textsOf)]
}

function spokenTexts(property: Node): string[] {
  const name = property.type === attribute ? property.name : property.rawName?.replace(/^:/, '')
  if (name === undefined || !spokenAttributes.has(name)) return []
  if (property.type !== attribute) return sentencesIn(property.exp?.content)
  const value = property.value?.content ?? ''
  return letter.test(value) ? [`${name}="${value}"`] : []
}

function sentencesIn(code = ''): string[] {
  return sentence.test(code) ? [code] : []
}

function textsOfTemplate(component: string): string[] {
  const tree = parse(component).descriptor.template?.ast
  return tree ? textsOf(tree as Node) : []
}

const components = import.meta.glob<string>('../**/*.vue', { query: '?raw', import: 'default', eager: true })

test('The sentences of every template stand in words, not in the template', () => {
  const found: Record<string, string[]> = {}
  for (const [file, component] of Object.entries(components)) {
    const texts = textsOfTemplate(component)
    if (texts.length > 0) found[file] = texts
  }
  expect(found).toEqual({})
})

test('A text, a spoken attribute and a text in an expression are each found', () => {
  const textsIn = (template: string) => textsOfTemplate(`<template>${template}</template>`)
  expect(textsIn('<p>Hello</p>')).toEqual(['Hello'])
  expect(textsIn('<UButton label="Save" />')).toEqual(['label="Save"'])
  expect(textsIn(`<UButton :label="busy ? 'Saving' : words.save" />`)).toEqual([`busy ? 'Saving' : words.save`])
  expect(textsIn('<p>{{ `${count} of them` }}</p>')).toEqual(['`${count} of them`'])
  expect(textsIn(`<p class="One two" :class="'A b'">{{ words.a }} · {{ of('mail', 1) }} %</p>`)).toEqual([])
})

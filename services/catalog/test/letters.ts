/** Names in their right order, in any PostgreSQL. */
export const SORTED = [
  '10 caps',
  'Äpfel',
  'apple',
  'Ärmel',
  'Écharpe',
  'echo',
  'Ñandú',
  'Ölkanne',
  'zebra',
  'Zoo',
  'Чай',
];

/** What people type, and the name that they mean. */
export const SEARCHES = [
  ['écharpe', 'Écharpe'],
  ['ÉCHARPE', 'Écharpe'],
  ['e\u0301charpe', 'Écharpe'],
  ['ÄPFEL', 'Äpfel'],
  ['ñandú', 'Ñandú'],
  ['öl', 'Ölkanne'],
  ['чай', 'Чай'],
] as const;

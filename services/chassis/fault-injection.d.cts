export const DATABASE: string;
export const LETTER: string;
export function delayOf(text: string): number | undefined;

export function takeLock(file: string): boolean;

export function hashSources(service: string): string | undefined;

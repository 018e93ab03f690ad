export const MIGRATIONS: string[];
export function hashMigrations(service: string): string;
export function hashSources(service: string): string | undefined;
export function savedAt(service: string): number;

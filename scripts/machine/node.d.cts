export function nodeFits(version: string): boolean;
export function wantedNode(): string;

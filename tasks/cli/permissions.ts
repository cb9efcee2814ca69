// Apart from confined.ts, so that a command without a worker loads no part of Node.

/** Revokes permissions of this process. */
export async function revokePermissions(
  ...names: readonly (Deno.PermissionName | "import")[]
): Promise<void> {
  // Deno's types lack the permission to import remote modules.
  for (const name of names) await Deno.permissions.revoke({ name } as Deno.PermissionDescriptor);
}

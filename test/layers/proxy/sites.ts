import type { ProjectSites, Site } from "../../../src/layers/proxy/sites.ts"

export const site = (service: string, hosts: readonly [string, ...Array<string>], more: Partial<Site> = {}): Site => ({
  service,
  hosts,
  path: "/",
  strip: false,
  tls: "auto",
  responseTimeout: 60_000,
  replicas: 1,
  ...more
})

export const projectSites = (
  project: string,
  sites: readonly [Site, ...Array<Site>],
  more: Partial<ProjectSites> = {}
): ProjectSites => ({ version: 1, project, http: 80, https: 443, sites, ...more })

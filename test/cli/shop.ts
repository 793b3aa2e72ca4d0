export const deployFile = `project: shop
servers:
  web1: { host: 203.0.113.10, arch: amd64, user: deploy }
  web2: { host: 203.0.113.11, arch: amd64 }
services:
  web:
    build: { context: . }
    hosts: [web1, web2]
    ports: ["8080:80"]
    environment:
      clear: { GREETING: hello you }
      secrets: [DATABASE_URL]
  cache:
    image: redis:7
    hosts: [web1]
`
export const files = {
  ".jiji/deploy.yml": deployFile,
  Dockerfile: "FROM scratch\n",
  ".env": "DATABASE_URL=postgres://me:hunter22@db\n"
}

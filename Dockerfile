# syntax=docker/dockerfile:1

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build --chown=node:node /app/package.json ./
COPY --from=build --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app/dist/src ./dist/src
COPY --from=build --chown=node:node /app/dist/workers ./dist/workers
# Clips of file: storage; mount a volume here.
RUN mkdir /videos && chown node:node /videos
USER node
# Node as the first process gets SIGTERM itself, and drains.
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["work"]

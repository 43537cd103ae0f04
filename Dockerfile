# One image for every Signalbox process: the command says which. Envoy and NATS run from their own images.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
RUN npm ci --ignore-scripts --no-fund --no-audit
COPY client ./client
COPY config ./config
COPY selection ./selection
COPY cells ./cells
COPY rollout ./rollout
COPY service ./service
COPY proto ./proto
COPY setup/paths.js setup/build.js ./setup/
RUN node setup/build.js

FROM node:24-slim

ENV NODE_ENV=production HOST=0.0.0.0 SIGNALBOX_DATA=/var/lib/signalbox
WORKDIR /app

COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-fund --no-audit && npm cache clean --force

COPY --from=build /app/dist ./dist
COPY config ./config
COPY selection ./selection
COPY cells ./cells
COPY rollout ./rollout
COPY planning ./planning
COPY service ./service
COPY proto ./proto
COPY resolver ./resolver
COPY xds-server ./xds-server
COPY envoy ./envoy
COPY setup/paths.js ./setup/paths.js
COPY cli ./cli
COPY examples ./examples

RUN mkdir -p "$SIGNALBOX_DATA" && chown node:node "$SIGNALBOX_DATA"
USER node
VOLUME ["/var/lib/signalbox"]

# HEALTH_URL is set by whoever starts the process; one without HTTP (the command line) has none and counts as healthy.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "const u = process.env.HEALTH_URL; if (u) fetch(u).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

CMD ["node", "resolver/main.ts"]

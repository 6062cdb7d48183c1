# One image for each program: docker build --target collector . (or worker, producer, queue, doctor)
# Works with the classic builder and with BuildKit.

# ---- All programs are built here, and nothing of this stage but the bundles goes further.
FROM node:24-bookworm-slim AS build
WORKDIR /workspace
ENV CI=true NX_DAEMON=false
# Packages first: this layer, the slowest, is made anew only when they change.
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY nx.json tsconfig.base.json ./
COPY tools/types tools/types
COPY libs libs
COPY apps apps
# generatePackageJson: a package.json and a lock file for each program, with what it imports.
RUN node_modules/.bin/nx run-many -t build -p collector,worker,producer,queue-cli,doctor \
    --generatePackageJson --output-style=static

# ---- The packages of each program, without those of development.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY .npmrc tools/containers/install-packages.sh ./

FROM packages AS collector-packages
COPY --from=build /workspace/dist/apps/collector/package.json /workspace/dist/apps/collector/package-lock.json ./
RUN sh install-packages.sh

FROM packages AS worker-packages
COPY --from=build /workspace/dist/apps/worker/package.json /workspace/dist/apps/worker/package-lock.json ./
RUN sh install-packages.sh

FROM packages AS producer-packages
COPY --from=build /workspace/dist/apps/producer/package.json /workspace/dist/apps/producer/package-lock.json ./
RUN sh install-packages.sh

# ---- What all images share. The files belong to root, so a program cannot change itself. It writes
# no file: the root file system can be read-only.
FROM node:24-bookworm-slim AS program
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg
ENV NODE_ENV=production
WORKDIR /app
COPY tools/containers/page.mjs ./
USER node
ENTRYPOINT ["node", "main.js"]

# ---- The images. Labels come last: they may change with each build.
#
# A health check asks whether the process has to be restarted (/livez), not whether it can work now
# (/readyz): a collector whose Redis is away must not be restarted for that. Ask the other one with
# "docker exec CONTAINER node page.mjs /readyz".

FROM program AS collector
# Only this container's own network reaches these addresses; what is published decides who else.
ENV COLLECTOR_HOST=0.0.0.0 COLLECTOR_HTTP_HOST=0.0.0.0 COLLECTOR_HTTP_PORT=9101
EXPOSE 50051 9101
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 \
    CMD ["node", "/app/page.mjs", "/livez"]
COPY --from=collector-packages /app/node_modules node_modules
COPY --from=build /workspace/dist/apps/collector/package.json /workspace/dist/apps/collector/main.js ./
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="event-pipeline collector" \
    org.opencontainers.image.description="Takes events over gRPC and acknowledges them once the queue has them" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION"

FROM program AS worker
ENV WORKER_HTTP_HOST=0.0.0.0 WORKER_HTTP_PORT=9102
EXPOSE 9102
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 \
    CMD ["node", "/app/page.mjs", "/livez"]
COPY --from=worker-packages /app/node_modules node_modules
COPY --from=build /workspace/dist/apps/worker/package.json /workspace/dist/apps/worker/main.js ./
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="event-pipeline worker" \
    org.opencontainers.image.description="Takes events from the queue and hands them to handlers" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION"

# Runs once and ends: there is nothing to watch.
FROM program AS producer
COPY --from=producer-packages /app/node_modules node_modules
COPY --from=build /workspace/dist/apps/producer/package.json /workspace/dist/apps/producer/main.js ./
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="event-pipeline producer" \
    org.opencontainers.image.description="Sends generated events, or those of a file, to a collector" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION"

# ---- What an operator runs by hand. Their packages come only here: a builder that goes through this
# file from the top does without them where nobody asks for these images.

FROM packages AS queue-packages
COPY --from=build /workspace/dist/apps/queue-cli/package.json /workspace/dist/apps/queue-cli/package-lock.json ./
RUN sh install-packages.sh

FROM program AS queue
COPY --from=queue-packages /app/node_modules node_modules
COPY --from=build /workspace/dist/apps/queue-cli/package.json /workspace/dist/apps/queue-cli/main.js ./
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="event-pipeline queue command" \
    org.opencontainers.image.description="Shows how deep the queue is, and lists, puts back and drops its dead letters" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION"

FROM packages AS doctor-packages
COPY --from=build /workspace/dist/apps/doctor/package.json /workspace/dist/apps/doctor/package-lock.json ./
RUN sh install-packages.sh

FROM program AS doctor
COPY --from=doctor-packages /app/node_modules node_modules
COPY --from=build /workspace/dist/apps/doctor/package.json /workspace/dist/apps/doctor/main.js ./
ARG VERSION=unversioned
LABEL org.opencontainers.image.title="event-pipeline doctor" \
    org.opencontainers.image.description="Looks at the queue and the store, and says what to change" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="$VERSION"

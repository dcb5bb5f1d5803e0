// Builds the page's scripts and styles into gateway/web/static, which the wheel carries and Starlette serves.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  publicDir: false,
  build: {
    outDir: "../static",
    emptyOutDir: true,
    manifest: "manifest.json", // gateway/web/assets.py finds the hashed names here
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // data: URLs would need a weaker Content-Security-Policy
    chunkSizeWarningLimit: 600, // ECharts, fetched only by pages with charts
    rollupOptions: { input: ["src/main.ts", "src/icon.svg"] },
  },
});

/** The methods that this package calls on a logger. The loggers of pino have them. */
export interface Logger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** The application that brings the PostgreSQL: the names by which the database, the system and a person know it. */
export interface Application {
  /** The name of the application in messages for a person. */
  name: string
  /** The name of the database and of its superuser: lower-case letters, digits and underscores. */
  database: string
  /** An absolute folder for data and binaries, used only where PostgreSQL's system user cannot enter those the application is in. */
  sharedFolder: string
  /** The settings of the application that a message tells a person to change. */
  settings: {
    /** Chooses the data folder. */
    dataDirectory: string
    /** Chooses a PostgreSQL that somebody else runs. */
    databaseUrl: string
  }
}
